"""Statistics: named float64 columns, one value an image, that detectors read."""

from abc import ABC, abstractmethod
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from ood_bench.capabilities import DensityModel
from ood_bench.detectors import Columns


class Statistic(ABC):
    """A plugin that computes columns; each is computed once per model, data set and split.

    Attributes:
        revision: Raised when the columns change meaning or value; old ones are then stale.
        columns: Names of the columns; one that ends in `.*` stands for a family, all columns
            whose names begin so, as many as the model has.
        requires: The capability that the model must name, or None for a statistic of the
            image alone, which is then shared by all models.
    """

    revision: ClassVar[int] = 1
    columns: ClassVar[tuple[str, ...]]
    requires: ClassVar[type | None] = DensityModel

    @abstractmethod
    def compute(self, images: NDArray[np.uint8], model: object) -> Columns:
        """Return the columns of uint8 images `(N, C, H, W)`, each float64 of shape `(N,)`.

        Args:
            images: The images.
            model: The trained model in evaluation mode, on its device, which names
                `requires`; None where that is None.
        """


LABEL = "label"
"""The class of each image: a column that data sets with labels yield by themselves."""


def in_family(column: str, name: str) -> bool:
    """Tell whether a column is what a declared name stands for.

    Example:
        >>> in_family("logits.3", "logits.*"), in_family("logits", "logits")
        (True, True)
        >>> in_family("logits", "logits.*")
        False
    """
    if name.endswith(".*"):
        return column.startswith(name[:-1])
    return column == name
