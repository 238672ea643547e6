"""Detectors: statistics of an image to one score, larger meaning more out of distribution."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import ClassVar, TypeAlias

import numpy as np
from numpy.typing import NDArray

Scores: TypeAlias = NDArray[np.float64]
Columns: TypeAlias = Mapping[str, NDArray[np.float64]]
Scorer: TypeAlias = Callable[[Columns], Scores]


class Detector(ABC):
    """A rule that is fitted on in-distribution images alone.

    Attributes:
        revision: Raised when the detector computes something else; old scores are then stale.
        needs: Names of the columns that `fit` and the scorer read. A detector whose options
            change what it reads sets it in its constructor.
    """

    revision: ClassVar[int] = 1
    needs: tuple[str, ...]

    @abstractmethod
    def fit(self, held_out: Columns) -> Scorer:
        """Fit on columns of in-distribution images that the model was not trained on.

        Returns:
            A function from columns to scores, one an image, larger = more OOD.
        """
