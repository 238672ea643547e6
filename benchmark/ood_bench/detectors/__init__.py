"""Detectors: map statistics of an image to one score; larger means more OOD."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import ClassVar, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "Columns",
    "Detector",
    "FitOn",
    "Scorer",
    "Scores",
    "family",
    "members",
]

Scores: TypeAlias = NDArray[np.float64]
Columns: TypeAlias = Mapping[str, NDArray[np.float64]]
Scorer: TypeAlias = Callable[[Columns], Scores]
FitOn: TypeAlias = Literal["train", "held_out"]


class Detector(ABC):
    """A detector plugin: a score of statistics, fitted on in-distribution images only.

    Attributes:
        revision: Raised when the computation changes; old scores are then stale.
        needs: Names of the columns that `fit` and the scorer read. A name that ends in `.*` is
            a family: all columns with that prefix. A role as prefix means the column of that
            role's model: `background.log_prob`, `classifier.logits.*`, and of each member
            `member.*.log_prob`. If options change the columns, the constructor sets `needs`.
        fits_on: Columns of the images to fit on that only `fit` reads, such as `label`.
        fit_on: The ID images that it is fitted on: `held_out`, which the model was not trained on,
            or `train`, those that it was trained on, without augmentation. A detector that lets
            users choose takes an option of this name.
        group: Number of images per score; the scorer returns one score per whole group.
    """

    revision: ClassVar[int] = 1
    needs: tuple[str, ...]
    fits_on: tuple[str, ...] = ()
    fit_on: FitOn = "held_out"
    group: int = 1

    @abstractmethod
    def fit(self, held_out: Columns, /) -> Scorer:
        """Fit on columns of in-distribution images, those that `fit_on` says.

        Returns:
            A function from columns to scores, one per image; larger means more OOD.
        """


def family(columns: Columns, name: str) -> NDArray[np.float64]:
    """Return the columns of a family as a matrix, shape `(N, K)`.

    Columns are ordered by the number at the end of their names, or else by name.

    Args:
        columns: Columns, which include those of the family.
        name: The prefix before `.*`.

    Raises:
        KeyError: If there are none.

    Example:
        >>> columns = {f"logits.{k}": np.array([float(k)]) for k in (10, 9, 0)}
        >>> family(columns, "logits")
        array([[ 0.,  9., 10.]])
    """
    found = [column for column in columns if column.startswith(f"{name}.")]
    if not found:
        raise KeyError(f"{name}.*")

    def order(column: str) -> tuple[int, str]:
        rest = column.removeprefix(f"{name}.")
        return (int(rest) if rest.isdecimal() else -1, rest)

    return np.stack([columns[column] for column in sorted(found, key=order)], axis=1)


def members(columns: Columns, name: str) -> list[NDArray[np.float64]]:
    """Return one column of every member of an ensemble, from `member.0.<name>` on.

    Raises:
        KeyError: If there are none.
    """
    found: list[NDArray[np.float64]] = []
    while f"member.{len(found)}.{name}" in columns:
        found.append(columns[f"member.{len(found)}.{name}"])
    if not found:
        raise KeyError(f"member.*.{name}")
    return found
