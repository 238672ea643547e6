"""The binormal model: the value of a metric and the distribution of its estimates.

Near an end of its range a metric depends on few images, and the variance estimated from the
sample is unreliable: at AUROC 0.999 most samples of a hundred images contain none of the rare
ones that make up the missing 0.001. A score interval instead tests each possible value by the
distribution of estimates around it, which requires a model of the scores. This is the usual one
of ROC analysis: normal scores of unit variance on both sides, with different means.
"""

import math
from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ood_bench.metrics.measure import Measure, normal_quantile

Array: TypeAlias = NDArray[np.float64]

FAR = 9.0
"""Largest separation in standard deviations, at which the two sides do not overlap."""
_TAIL, _STEP = 8.5, 0.05


class ScoreMoments(NamedTuple):
    """A metric at one separation: its value, and the mean and variance of its estimates."""

    value: float
    mean: float
    variance: float


def auroc_moments(separation: float, inside: int, outside: int) -> ScoreMoments:
    r"""Return AUROC $A = \Phi(d / \sqrt 2)$ at separation d, and its estimates' exact moments.

    With $Q$ the chance that two scores of one side both lie on the right side of one of the
    other, the variance is $(A (1 - A) + (n + m - 2)(Q - A^2)) / (n m)$.

    Reference:
        Bamber, The area above the ordinal dominance graph and the area below the receiver
        operating characteristic graph, Journal of Mathematical Psychology 1975,
        doi:10.1016/0022-2496(75)90001-2.
    """
    from scipy.special import ndtr, owens_t

    normal = separation / math.sqrt(2.0)
    area = float(ndtr(normal))
    below = float(ndtr(-normal))
    shared = area * below - 2.0 * float(owens_t(normal, 1.0 / math.sqrt(3.0)))  # Q - A²
    pairs = inside * outside
    variance = (area * below + (inside + outside - 2) * shared) / pairs
    return ScoreMoments(area, area, max(variance, 0.0))


def precision_moments(separation: float, positives: int, negatives: int) -> ScoreMoments:
    r"""Return average precision at a separation of positives above negatives, by quadrature.

    The mean of its estimates lies above it by terms of the first order in one over the numbers
    of images, the variance is that of its influence function: with $\pi$ the precision at a
    positive's score, $u$ the share of positives above and $\lambda$ negatives for each positive,
    an image counts through its own precision and through that of all positives below it, by
    $\pi (1 - \pi) / u$ if it is a positive and by $-\lambda \pi^2 / u$ if not.
    """
    from scipy.special import ndtr

    low, high = min(0.0, separation) - _TAIL, max(0.0, separation) + _TAIL
    scores = np.linspace(high, low, round((high - low) / _STEP))
    found, mistaken = ndtr(separation - scores), ndtr(-scores)
    of_positive = np.exp(-0.5 * (scores - separation) ** 2)
    of_positive /= of_positive.sum()
    of_negative = np.exp(-0.5 * scores**2)
    of_negative /= of_negative.sum()
    ratio = negatives / positives
    wrong = ratio * mistaken
    precision = found / (found + wrong)
    value = float(of_positive @ precision)

    rise = of_positive * wrong / (found + wrong) ** 2
    fall = of_positive * ratio * found / (found + wrong) ** 2
    above = precision + _from_here_on(rise)
    below = _from_here_on(fall)
    variance = _variance(of_positive, above) / positives + _variance(of_negative, below) / negatives

    a, b = positives * found, negatives * mistaken
    total = np.maximum(a + b, 1.0)
    one_more = (1.0 - found) * b / total**2
    curved = a * b * (found - mistaken) / total**3
    return ScoreMoments(value, value + float(of_positive @ (one_more + curved)), variance)


def score_interval(
    estimate: float, moments: Callable[[float], ScoreMoments], variance: float, *, level: float
) -> Measure:
    r"""Return an estimate with its score interval.

    A value is in the interval if the estimate is at most $z$ standard deviations from its mean
    there, as in Wilson's interval of a share. If the variance estimated from the images
    exceeds that of the model at the estimate, the model's variance is scaled up by that ratio
    everywhere; it is never scaled down.

    Args:
        estimate: The measured value. The interval always contains it, even if its bias exceeds
            its spread.
        moments: The metric in the model by separation, with which its mean increases.
        variance: Variance of the estimate, estimated from the images.
        level: Coverage of the interval.

    Reference:
        Newcombe, Confidence intervals for an effect size measure based on the Mann-Whitney
        statistic, part 2, Statistics in Medicine 2006, doi:10.1002/sim.2324 (Mee's method).
    """
    reach = normal_quantile(level)

    def strays(separation: float) -> float:
        return estimate - moments(separation).mean

    best = _root(strays, -FAR, FAR)
    model = moments(best).variance
    raised = max(1.0, variance / model) if -FAR < best < FAR and model > 0.0 else 1.0

    def beyond(separation: float, sign: float) -> float:
        at = moments(separation)
        return sign * (estimate - at.mean) - reach * math.sqrt(raised * at.variance)

    low = moments(_root(lambda d: beyond(d, 1.0), -FAR, best)).value
    high = moments(_root(lambda d: -beyond(d, -1.0), best, FAR)).value
    return Measure(estimate, min(low, estimate), max(high, estimate))


def _root(falling: Callable[[float], float], low: float, high: float) -> float:
    """Return the zero of a decreasing function, or the nearest end of the range."""
    if low == high or falling(low) <= 0.0:
        return low
    if falling(high) >= 0.0:
        return high

    from scipy.optimize import brentq

    return float(brentq(falling, low, high, xtol=1e-8))


def _from_here_on(parts: Array) -> Array:
    """Return for each place half of its own value plus the sum of all that follow."""
    return np.cumsum(parts[::-1])[::-1] - parts / 2


def _variance(weights: Array, values: Array) -> float:
    mean = float(weights @ values)
    return float(weights @ (values - mean) ** 2)
