"""AUROC by midranks, with DeLong's interval."""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ood_bench.metrics.binormal import auroc_moments, score_interval
from ood_bench.metrics.checks import Scores, both_sides
from ood_bench.metrics.measure import Measure, normal_quantile


def placements(scores: Scores, others: Scores) -> NDArray[np.int64]:
    r"""Return twice the rank of each score among those of the other side, ties counting half.

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
    """Return the probability that an outside image scores above an inside one, ties half.

    The area under the ROC curve with outside images as positives. Random scores
    give 0.5; below that the score is inverted, and the value is reported as it is.

    Raises:
        ValueError: If a side is empty or has a score that is not finite.

    Example:
        >>> auroc(inside=[1, 2], outside=[2, 3])
        0.875
    """
    inside, outside = both_sides(inside, outside)
    return _area(placements(np.sort(outside), np.sort(inside)), len(inside))


def delong(inside: ArrayLike, outside: ArrayLike, *, level: float = 0.95) -> Measure:
    r"""Return AUROC with a score interval that is at least as wide as DeLong's variance implies.

    With $V_j$ the share of inside scores that outside image j beats, and $U_i$ the share of
    outside scores that beat inside image i, the variance is
    $\mathrm{var}(V) / n_\mathrm{outside} + \mathrm{var}(U) / n_\mathrm{inside}$ with
    unbiased variances. Near 0 and 1 this estimate is unreliable, and it is 0 if the
    sides do not overlap. The interval therefore inverts a test of each possible area with its
    variance in the binormal model, scaled up if DeLong's variance at the measured area is larger
    (`binormal.score_interval`). A side of one image has no variance; the interval is then
    [0, 1].

    Args:
        inside: Scores of in-distribution images.
        outside: Scores of out-of-distribution images.
        level: Coverage of the interval.

    Raises:
        ValueError: If a side is empty or has a score that is not finite.

    Reference:
        DeLong et al., Comparing the areas under two or more correlated receiver operating
        characteristic curves, Biometrics 1988, doi:10.2307/2531595. Newcombe, Confidence
        intervals for an effect size measure based on the Mann-Whitney statistic, part 2,
        Statistics in Medicine 2006, doi:10.1002/sim.2324.
    """
    normal_quantile(level)  # validate the level even where it is not used
    inside, outside = both_sides(inside, outside)
    inside, outside = np.sort(inside), np.sort(outside)
    n, m = len(inside), len(outside)
    beaten = placements(outside, inside)
    area = _area(beaten, n)
    if min(n, m) == 1:
        return Measure(area, 0.0, 1.0)
    variance = _variance_of_mean(beaten, n)
    del beaten  # at ten million images a side, each of these arrays is 80 MB
    variance += _variance_of_mean(placements(inside, outside), m)
    return score_interval(area, lambda d: auroc_moments(d, n, m), variance, level=level)


def paired_delong(
    inside: tuple[ArrayLike, ArrayLike],
    outside: tuple[ArrayLike, ArrayLike],
    *,
    level: float = 0.95,
) -> Measure:
    r"""Return the difference of two AUROCs on the same images, with its normal interval.

    With $V_j$ the share of inside scores that outside image j beats under one detector and
    $V'_j$ under the other, and $U_i, U'_i$ likewise, the variance of the difference is
    $\mathrm{var}(V - V') / n_\mathrm{outside} + \mathrm{var}(U - U') / n_\mathrm{inside}$:
    errors that both detectors share on the same images cancel.

    Args:
        inside: Scores of the same in-distribution images by the first and the second detector.
        outside: Scores of the same out-of-distribution images, likewise.
        level: Coverage of the interval.

    Returns:
        AUROC of the first minus that of the second; with a side of one image [−1, 1].

    Raises:
        ValueError: If a side is empty, has a score that is not finite, or if the detectors
            scored different numbers of images.

    Reference:
        DeLong et al., Comparing the areas under two or more correlated receiver operating
        characteristic curves, Biometrics 1988, doi:10.2307/2531595.
    """
    reach = normal_quantile(level)
    shares = []
    for own, other in zip(inside, outside, strict=True):
        own, other = both_sides(own, other)
        beaten = placements(other, np.sort(own)) / (2 * len(own))
        beating = 1.0 - placements(own, np.sort(other)) / (2 * len(other))
        shares.append((beaten, beating))
    (first_out, first_in), (second_out, second_in) = shares
    if len(first_out) != len(second_out) or len(first_in) != len(second_in):
        raise ValueError("paired AUROCs are of the same images, got different numbers of scores")
    difference = float(first_out.mean() - second_out.mean())
    if min(len(first_out), len(first_in)) == 1:
        return Measure(difference, -1.0, 1.0)
    variance = float((first_out - second_out).var(ddof=1)) / len(first_out)
    variance += float((first_in - second_in).var(ddof=1)) / len(first_in)
    error = reach * math.sqrt(variance)
    return Measure(difference, max(-1.0, difference - error), min(1.0, difference + error))


def _area(halves: NDArray[np.int64], others: int) -> float:
    return int(halves.sum()) / (2 * others * len(halves))


def _variance_of_mean(halves: NDArray[np.int64], others: int) -> float:
    return float(halves.var(ddof=1)) / (2 * others) ** 2 / len(halves)
