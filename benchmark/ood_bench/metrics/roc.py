"""AUROC by midranks, with DeLong's interval."""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ood_bench.metrics.checks import Scores, both_sides
from ood_bench.metrics.measure import Measure, normal_quantile


def placements(scores: Scores, others: Scores) -> NDArray[np.int64]:
    r"""Return where each score falls among those of the other side, counted in halves.

    $2\,\#\{o < s\} + \#\{o = s\}$: divided by twice the number of others, this is the share
    that a score beats, ties counting half. It is a whole number, so that AUROC is exact.

    Args:
        scores: Scores of one side, in any order; sorted ones are several times faster.
        others: Scores of the other side, sorted.

    Returns:
        One count for each of `scores`, in their order.

    Example:
        >>> placements(np.array([0.0, 1.0, 5.0]), np.array([1.0, 1.0, 2.0]))
        array([0, 2, 6])
    """
    halves = np.searchsorted(others, scores, side="left")
    halves += np.searchsorted(others, scores, side="right")
    return halves


def auroc(inside: ArrayLike, outside: ArrayLike) -> float:
    """Return the chance that an outside image scores above an inside one, ties counting half.

    The area under the ROC curve with outside images as positives. 0.5 is what scores that
    say nothing give; below it, the score is the wrong way round, and is reported so.

    Raises:
        ValueError: If a side is empty or has a score that is not finite.

    Example:
        >>> auroc(inside=[1, 2], outside=[2, 3])
        0.875
    """
    inside, outside = both_sides(inside, outside)
    return _area(placements(np.sort(outside), np.sort(inside)), len(inside))


def delong(inside: ArrayLike, outside: ArrayLike, *, level: float = 0.95) -> Measure:
    r"""Return AUROC with the normal interval of DeLong's variance, cut to [0, 1].

    With $V_j$ the share of inside scores that outside image j beats, and $U_i$ the share of
    outside scores that beat inside image i, the variance is
    $\mathrm{var}(V) / n_\mathrm{outside} + \mathrm{var}(U) / n_\mathrm{inside}$ with
    unbiased variances. A side of one image has none, nothing is then known about how
    AUROC would vary, and the interval is [0, 1]. Where every outside score is above (or
    below) every inside one, the estimate of the variance is 0 and the interval a point.

    Args:
        inside: Scores of in-distribution images.
        outside: Scores of out-of-distribution images.
        level: Coverage of the interval.

    Raises:
        ValueError: If a side is empty or has a score that is not finite.

    Reference:
        DeLong et al., Comparing the areas under two or more correlated receiver operating
        characteristic curves, Biometrics 1988.
    """
    reach = normal_quantile(level)
    inside, outside = both_sides(inside, outside)
    inside, outside = np.sort(inside), np.sort(outside)
    beaten = placements(outside, inside)
    area = _area(beaten, len(inside))
    if min(len(inside), len(outside)) == 1:
        return Measure(area, 0.0, 1.0)
    variance = _variance_of_mean(beaten, len(inside))
    del beaten  # at ten million images a side, each of these arrays is 80 MB
    variance += _variance_of_mean(placements(inside, outside), len(outside))
    error = reach * math.sqrt(variance)
    return Measure(area, max(0.0, area - error), min(1.0, area + error))


def _area(halves: NDArray[np.int64], others: int) -> float:
    return int(halves.sum()) / (2 * others * len(halves))


def _variance_of_mean(halves: NDArray[np.int64], others: int) -> float:
    return float(halves.var(ddof=1)) / (2 * others) ** 2 / len(halves)
