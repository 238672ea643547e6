"""Intervals of AUPR, FPR@95TPR and detection error, from counts of images at each score."""

import math

import numpy as np
from numpy.typing import NDArray

from ood_bench.metrics.binormal import precision_moments, score_interval
from ood_bench.metrics.measure import Measure, normal_quantile
from ood_bench.metrics.thresholds import Counts, Tally


def wilson(count: int, total: int, *, level: float) -> Measure:
    """Return a share with Wilson's score interval.

    Reference:
        Wilson, Probable inference, the law of succession, and statistical inference, JASA 1927,
        doi:10.1080/01621459.1927.10502953.

    Example:
        >>> [round(end, 4) for end in wilson(0, 100, level=0.95)]
        [0.0, 0.0, 0.037]
    """
    reach = normal_quantile(level)
    share, squared = count / total, reach * reach / total
    middle = share + squared / 2
    spread = math.sqrt(squared * (share * (1 - share) + squared / 4))
    low, high = (middle - spread) / (1 + squared), (middle + spread) / (1 + squared)
    return Measure(share, min(max(low, 0.0), share), max(min(high, 1.0), share))


def precision_interval(value: float, positive: Counts, negative: Counts, level: float) -> Measure:
    """Return an average precision with its score interval; with a side of one image [0, 1].

    Args:
        value: The average precision.
        positive: Number of positives with each distinct score, highest rank first.
        negative: Number of negatives likewise.
        level: Coverage of the interval.
    """
    positives, negatives = int(positive.sum()), int(negative.sum())
    if min(positives, negatives) == 1:
        return Measure(value, 0.0, 1.0)
    return score_interval(
        value,
        lambda separation: precision_moments(separation, positives, negatives),
        _precision_variance(positive, negative),
        level=level,
    )


def fpr_interval(tally: Tally, tpr: float, level: float) -> Measure:
    """Return FPR at a TPR with an interval that accounts for the sampling of both sides.

    It combines Wilson's interval for the share of outside images below the threshold with the
    shares below the order statistics of the inside scores that bound the true threshold; the
    half-widths are added in quadrature. With few inside images (under about seventy for a TPR
    and a level of 95 %) no order statistic bounds the threshold from above, and the interval
    extends to 1.

    Reference:
        Zou & Donner, Construction of confidence limits about effect measures: a general
        approach, Statistics in Medicine 2008, doi:10.1002/sim.3095.
    """
    n, m = int(tally.accepted_inside[-1]), int(tally.accepted_outside[-1])
    value = tally.fpr(tpr)
    binomial = wilson(round(value * m), m, level=level)
    rank = tally.rank(tpr)
    reach = normal_quantile(level) * math.sqrt(n * tpr * (1 - tpr))
    least, most = (_accepted(tally, at) / m for at in (max(rank - reach, 0.0), rank + reach))
    return Measure(
        value,
        max(0.0, value - math.hypot(value - binomial.low, value - min(least, value))),
        min(1.0, value + math.hypot(binomial.high - value, max(most, value) - value)),
    )


def detection_error_interval(tally: Tally, optimism: float, level: float) -> Measure:
    """Return the detection error with an interval that accounts for its optimism.

    It combines Wilson's intervals of both error rates at the best threshold in quadrature. The
    upper end is relative to the value corrected for optimism. The interval extends to 0.5, the
    error of random scores, if Smirnov's one-sided test does not separate the two sides.

    Args:
        tally: The images.
        optimism: Expected amount by which the least error of a sample is below the true one.
        level: Coverage of the interval.
    """
    n, m = int(tally.accepted_inside[-1]), int(tally.accepted_outside[-1])
    value = tally.detection_error()
    best = tally.best()
    missed = wilson(n - int(tally.accepted_inside[best]), n, level=level)
    passed = wilson(int(tally.accepted_outside[best]), m, level=level)
    middle = min(value + optimism, 0.5)
    distance = 1 - 2 * value
    alike = math.exp(-2 * distance * distance * n * m / (n + m)) >= (1 - level) / 2
    down = math.hypot(missed.value - missed.low, passed.value - passed.low) / 2
    up = math.hypot(missed.high - missed.value, passed.high - passed.value) / 2
    high = 0.5 if alike else max(value, min(0.5, middle + up))
    return Measure(value, max(0.0, value - down), high)


def percentile_interval(value: float, resampled: NDArray[np.float64], *, level: float) -> Measure:
    """Return a value with its percentile interval, widened to contain the value."""
    low, high = np.quantile(resampled, [(1 - level) / 2, (1 + level) / 2])
    return Measure(value, min(float(low), value), max(float(high), value))


def optimism(inside: Counts, outside: Counts, distinct: int, *, seed: int, resamples: int) -> float:
    """Return the optimism of the detection error, estimated by a bootstrap.

    That is the expected amount by which the error at a sample's best threshold is below the least
    error of the population. Each side is resampled from its own images.

    Args:
        inside: Index of each inside image's score among all distinct scores.
        outside: Index of each outside image's score.
        distinct: Number of distinct scores.
        seed: Same seed, same estimate, to the last bit.
        resamples: Number of bootstrap resamples.
    """
    random = np.random.Generator(np.random.PCG64(seed))
    n, m = len(inside), len(outside)

    def drawn(side: Counts) -> Counts:
        return np.bincount(side[random.integers(len(side), size=len(side))], minlength=distinct)

    def least(of_inside: Counts, of_outside: Counts) -> int:
        of_inside *= m  # in place: new arrays of this size take longer than the arithmetic
        of_outside *= n
        of_outside -= of_inside
        return min(0, int(np.cumsum(of_outside, out=of_outside).min()))

    own = least(np.bincount(inside, minlength=distinct), np.bincount(outside, minlength=distinct))
    total = sum(least(drawn(inside), drawn(outside)) for _ in range(resamples))
    return max(0.0, (own - total / resamples) / (2 * n * m))


def _accepted(tally: Tally, rank: float) -> float:
    """Return the number of outside images at or below an order statistic of the inside ones.

    Fractional ranks are interpolated; below the first rank there are none, above the last all.
    """
    if rank > int(tally.accepted_inside[-1]):
        return float(tally.accepted_outside[-1])

    def at(whole: int) -> int:
        place = np.searchsorted(tally.accepted_inside, whole)
        return int(tally.accepted_outside[place]) if whole else 0

    low, high = math.floor(rank), math.ceil(rank)
    return at(low) + (rank - low) * (at(high) - at(low))


def _precision_variance(positive: Counts, negative: Counts) -> float:
    """Return the variance of an average precision by the jackknife over the images of each side."""
    positives = int(positive.sum())
    found, mistaken = np.cumsum(positive), np.cumsum(negative)
    whole = positive * found / np.maximum(found + mistaken, 1)
    before = np.cumsum(whole) - whole

    def after(parts: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.cumsum(parts[::-1])[::-1]

    fewer = np.maximum(found - 1, 0) / np.maximum(found + mistaken - 1, 1)  # precision, one less
    own = np.maximum(positive - 1, 0) * fewer
    of_positive = (before + own + after(positive * fewer) - positive * fewer) / (positives - 1)
    cleaner = positive * found / np.maximum(found + np.maximum(mistaken - 1, 0), 1)
    of_negative = (before + after(cleaner)) / positives
    return _jackknife(of_positive, positive) + _jackknife(of_negative, negative)


def _jackknife(left_out: NDArray[np.float64], counts: Counts) -> float:
    """Return the jackknife variance of an estimate from leave-one-out estimates."""
    total = int(counts.sum())
    mean = float(counts @ left_out) / total
    return float(counts @ (left_out - mean) ** 2) * (total - 1) / total
