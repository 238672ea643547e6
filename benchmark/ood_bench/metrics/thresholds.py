"""AUPR, FPR@95TPR and detection error, from counts of images at each distinct score."""

import math
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ood_bench.metrics.checks import both_sides

Counts: TypeAlias = NDArray[np.int64]

TPR = 0.95
"""The share of inside images accepted at the threshold of FPR@95TPR."""


@dataclass(frozen=True)
class Tally:
    """Number of images of each side with each distinct score, in ascending order of score.

    The metrics depend on nothing else. Threshold k accepts the images with one of the k + 1
    lowest scores as in-distribution.
    """

    inside: Counts
    outside: Counts

    @classmethod
    def of(cls, inside: Counts, outside: Counts, distinct: int) -> "Tally":
        """Count images by their ranks among the distinct scores, as `places` returns them."""
        return cls(
            np.bincount(inside, minlength=distinct), np.bincount(outside, minlength=distinct)
        )

    @cached_property
    def accepted_inside(self) -> Counts:
        """Number of inside images that each threshold accepts."""
        return np.cumsum(self.inside)

    @cached_property
    def accepted_outside(self) -> Counts:
        """Number of outside images that each threshold accepts."""
        return np.cumsum(self.outside)

    def exchanged(self) -> "Tally":
        """Return the tally with the sides exchanged and all scores negated."""
        return Tally(self.outside[::-1], self.inside[::-1])

    def auroc(self) -> float:
        """Return the probability that an outside image scores above an inside one, ties half."""
        below = self.accepted_inside - self.inside
        halves = int((self.outside * (2 * below + self.inside)).sum())
        return halves / (2 * int(self.inside.sum()) * int(self.outside.sum()))

    def aupr_out(self) -> float:
        """Return the average precision with outside images as positives."""
        inside = self.accepted_inside[-1] - self.accepted_inside + self.inside
        outside = self.accepted_outside[-1] - self.accepted_outside + self.outside
        return _average_precision(self.outside, outside, inside)

    def aupr_in(self) -> float:
        """Return the average precision with inside images as positives."""
        return _average_precision(self.inside, self.accepted_inside, self.accepted_outside)

    def fpr(self, tpr: float) -> float:
        """Return the share of outside images accepted when a share of inside images is.

        Args:
            tpr: That share of inside images, above 0 and at most 1.
        """
        k = np.searchsorted(self.accepted_inside, self.rank(tpr))
        return int(self.accepted_outside[k]) / int(self.accepted_outside[-1])

    def rank(self, tpr: float) -> int:
        """Return a share of the inside images as a number of images, rounded up."""
        return math.ceil(Fraction(str(tpr)) * int(self.accepted_inside[-1]))  # 0.95, not its float

    def best(self) -> int:
        """Return the lowest threshold that minimises the mean of both error rates."""
        n, m = int(self.accepted_inside[-1]), int(self.accepted_outside[-1])
        return int((self.accepted_outside * n - self.accepted_inside * m).argmin())

    def detection_error(self) -> float:
        """Return the least mean of both error rates over all thresholds."""
        n, m, best = int(self.accepted_inside[-1]), int(self.accepted_outside[-1]), self.best()
        least = int(self.accepted_outside[best]) * n - int(self.accepted_inside[best]) * m
        return (n * m + least) / (2 * n * m)


def _average_precision(positive: Counts, found: Counts, mistaken: Counts) -> float:
    """Return the mean over positives of the precision at the threshold that finds each.

    Args:
        positive: Number of positives with each score.
        found: True positives at the threshold of each score.
        mistaken: False positives at that threshold.
    """
    precision = found / np.maximum(found + mistaken, 1)
    return float((positive * precision).sum()) / int(positive.sum())


def places(inside: ArrayLike, outside: ArrayLike) -> tuple[Counts, Counts, int]:
    """Return each score's index among the distinct scores of both sides, and their number.

    Raises:
        ValueError: If a side is empty or has a score that is not finite.
    """
    inside, outside = both_sides(inside, outside)
    distinct, found = np.unique(np.concatenate([inside, outside]), return_inverse=True)
    return found[: len(inside)], found[len(inside) :], len(distinct)


def tally(inside: ArrayLike, outside: ArrayLike) -> Tally:
    """Return the number of images of each side with each distinct score.

    Raises:
        ValueError: If a side is empty or has a score that is not finite.
    """
    return Tally.of(*places(inside, outside))


def aupr_out(inside: ArrayLike, outside: ArrayLike) -> float:
    """Return AUPR-Out: average precision with outside images as positives.

    The mean over outside images of the share of outside images among all that score at least
    as high; no interpolation. Random scores give the fraction of OOD images.

    Raises:
        ValueError: If a side is empty or has a score that is not finite.

    Example:
        >>> aupr_out(inside=[1, 2, 4], outside=[3])
        0.5
    """
    return tally(inside, outside).aupr_out()


def aupr_in(inside: ArrayLike, outside: ArrayLike) -> float:
    """Return AUPR-In: average precision with inside images as positives, lowest scores first.

    Raises:
        ValueError: If a side is empty or has a score that is not finite.

    Example:
        >>> aupr_in(inside=[1, 2, 4], outside=[3])
        0.9166666666666666
    """
    return tally(inside, outside).aupr_in()


def fpr95(inside: ArrayLike, outside: ArrayLike) -> float:
    """Return FPR@95TPR with inside images as positives; lower is better.

    The share of outside images accepted at the lowest threshold that accepts at least 95 %
    of the inside images. Some published code exchanges the positive class.

    Raises:
        ValueError: If a side is empty or has a score that is not finite.

    Example:
        >>> fpr95(inside=[1, 2, 4], outside=[0, 3, 4, 5])
        0.75
    """
    return tally(inside, outside).fpr(TPR)


def detection_error(inside: ArrayLike, outside: ArrayLike) -> float:
    """Return the least mean of the two error rates over all thresholds; lower is better.

    The error of the best threshold if ID and OOD images are equally frequent. It is never above
    0.5, the error of accepting no image or all.

    Raises:
        ValueError: If a side is empty or has a score that is not finite.

    Example:
        >>> detection_error(inside=[1, 2], outside=[2, 3])
        0.25
    """
    return tally(inside, outside).detection_error()
