"""Columns of several finished cells, read together by role, and their checks."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ood_bench.detectors import Columns
from ood_bench.errors import PluginError

if TYPE_CHECKING:
    from ood_bench.cells.finished import Cells


def columns_of(store: "Cells", inputs: Mapping[str, str]) -> Columns:
    """Return the columns of several cells.

    Args:
        store: The store of the cells.
        inputs: Their keys, by the name of the statistic that yields the columns. A statistic of
            another model is named by that model's role, a dot and the statistic; the role then
            prefixes each of its columns too, as in `background.log_prob`.
    """
    found: dict[str, NDArray[Any]] = {}
    for name, key in inputs.items():
        player, dot, _ = name.rpartition(".")
        for column, values in store.read_columns(key).items():
            found[f"{player}{dot}{column}"] = values
    return found


def require_finite(values: NDArray[np.float64], count: int, what: str) -> None:
    """Check that a column has one finite number per image; the error names the row.

    Raises:
        PluginError: If it is not.
    """
    if values.shape != (count,):
        raise PluginError(f"{what}: shape {values.shape} instead of ({count},)")
    bad = np.flatnonzero(~np.isfinite(values))
    if len(bad):
        raise PluginError(
            f"{what}: row {bad[0]} is {values[bad[0]]} ({len(bad)} of {count} are not finite)"
        )
