"""What a set of scores must be before it is measured."""

from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

Scores: TypeAlias = NDArray[np.float64]


def finite(values: ArrayLike, what: str) -> Scores:
    """Return the values as float64, without a copy where they are that already.

    Raises:
        ValueError: If there are none, they are not one number an image, or one is not finite.
    """
    checked = np.asarray(values, dtype=np.float64)
    if checked.ndim != 1:
        raise ValueError(f"{what}: one number an image is wanted, got shape {checked.shape}")
    if not len(checked):
        raise ValueError(f"{what}: there are none")
    good = np.isfinite(checked)
    if not good.all():
        row = int(np.argmin(good))
        count = len(good) - int(np.count_nonzero(good))
        raise ValueError(
            f"{what}: row {row} is {checked[row]} ({count} of {len(good)} are not finite)"
        )
    return checked


def both_sides(inside: ArrayLike, outside: ArrayLike) -> tuple[Scores, Scores]:
    """Return the scores of both sides as float64.

    Raises:
        ValueError: If a side is empty or has a score that is not finite; says which and where.
    """
    return finite(inside, "inside scores"), finite(outside, "outside scores")
