"""Statistics: named float64 columns, one value per image, that detectors read."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from ood_bench.capabilities import DensityModel, has
from ood_bench.detectors import Columns
from ood_bench.errors import did_you_mean

__all__ = [
    "LABEL",
    "Statistic",
    "in_family",
    "provider",
    "unknown_column",
]


class Statistic(ABC):
    """A plugin that computes columns; each is computed once per model, data set and split.

    Attributes:
        revision: Raised when the columns change meaning or value; old ones are then stale.
        added_options: Options that came later. At their defaults, which stay for good, they are
            left out of keys, so that older results are found again.
        columns: Names of the columns; one that ends in `.*` stands for a family: all columns
            with that prefix, as many as the model has.
        samples: Number of dequantization draws that each value averages over; None for a statistic
            that always uses one draw.
        requires: The capability that the model must declare as a base class, or None for a
            statistic of the images only, whose columns all models share.
    """

    revision: ClassVar[int] = 1
    added_options: ClassVar[frozenset[str]] = frozenset()
    columns: ClassVar[tuple[str, ...]]
    samples: int | None = None
    requires: ClassVar[type | None] = DensityModel

    @abstractmethod
    def compute(self, images: NDArray[np.uint8], model: object) -> Columns:
        """Return the columns of uint8 images `(N, C, H, W)`, each float64 of shape `(N,)`.

        Args:
            images: The images.
            model: The trained model in evaluation mode, on its device, which declares
                `requires`; None if that is None.
        """


LABEL = "label"
"""The column with the class of each image, which labelled data sets yield without a statistic."""


def in_family(column: str, name: str) -> bool:
    """Return whether a column belongs to a declared name or family.

    Example:
        >>> in_family("logits.3", "logits.*"), in_family("logits", "logits")
        (True, True)
        >>> in_family("logits", "logits.*")
        False
    """
    if name.endswith(".*"):
        return column.startswith(name[:-1])
    return column == name


def unknown_column(column: str, statistics: Mapping[str, type[Statistic]]) -> str | None:
    """Return the error that no statistic yields a column, with a near match; None if one does.

    Args:
        column: The column or family, without a role.
        statistics: Statistics by name.
    """
    known = {LABEL, *(name for found in statistics.values() for name in found.columns)}
    if column in known:
        return None
    return f"no statistic yields the column '{column}'{did_you_mean(column, known)}"


def provider(column: str, statistics: Mapping[str, type[Statistic]], model: type) -> str | None:
    """Return the statistic that yields a column for a model; of several, the one with most columns.

    The log_prob of a flow thus comes from the pass that also yields its two terms.

    Args:
        column: The column, or a family as a statistic declares it.
        statistics: Statistics by name.
        model: The model's class.
    """
    fitting = [
        (len(statistic.columns), name)
        for name, statistic in sorted(statistics.items())
        if column in statistic.columns
        and (statistic.requires is None or has(model, statistic.requires))
    ]
    return max(fitting)[1] if fitting else None
