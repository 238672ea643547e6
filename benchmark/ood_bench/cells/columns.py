"""Columns of finished cells: read together under the roles that they have, and checked."""

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
        store: Where the cells lie.
        inputs: Their keys, by the name of the statistic that yields them; a statistic of another
            model than the one in question after that model's role and a dot. The role then
            stands before each column too, as in `background.log_prob`.
    """
    found: dict[str, NDArray[Any]] = {}
    for name, key in inputs.items():
        player, dot, _ = name.rpartition(".")
        for column, values in store.read_columns(key).items():
            found[f"{player}{dot}{column}"] = values
    return found


def require_finite(values: NDArray[np.float64], count: int, what: str) -> None:
    """Refuse a column that is not one finite number an image; says which row.

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
