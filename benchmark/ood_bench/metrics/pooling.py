"""Pool one measure over several seeds."""

import math
from collections.abc import Sequence

import numpy as np

from ood_bench.metrics.measure import Measure, normal_quantile

_LEAST_P = 1e-250


def pool(
    measures: Sequence[Measure],
    *,
    level: float = 0.95,
    bounds: tuple[float, float] = (-math.inf, math.inf),
) -> tuple[Measure, float]:
    r"""Return the mean over seeds with its interval, and the standard deviation over seeds.

    All seeds are evaluated on the same test images. The error from that sample of images is
    common to them and does not shrink with the number of seeds S; the error from the seeds
    does. With $v_s$ the values, $l_s$ the lower ends of their intervals
    and $\sigma$ the standard deviation of the values (S - 1 in its denominator), the
    interval extends below the mean by

    $$\sqrt{\mathrm{mean}_s (v_s - l_s)^2 + (t_{S-1}\,\sigma / \sqrt S)^2},$$

    where $t_{S-1}$ is the quantile of Student's distribution for the level, and above likewise.
    The effect of seeds on single images is counted in both terms, so the interval is too wide
    rather than too narrow.

    Args:
        measures: One measure per seed, of the same quantity.
        level: Coverage of the interval, and of those given.
        bounds: Ends of the quantity's range, which the interval does not leave.

    Returns:
        The pooled measure, and $\sigma$. One seed keeps its own interval; its $\sigma$ is NaN.

    Raises:
        ValueError: If there are no measures.

    Example:
        >>> measure, spread = pool([Measure(0.2, 0.1, 0.3), Measure(0.3, 0.2, 0.4)])
        >>> [round(number, 3) for number in (*measure, spread)]
        [0.25, -0.393, 0.893, 0.071]
    """
    if not measures:
        raise ValueError("there are no measures to pool")
    if len(measures) == 1:
        return measures[0], math.nan

    from scipy.special import stdtrit

    value, low, high = np.array(measures).T
    mean, spread = float(value.mean()), float(value.std(ddof=1))
    student = float(stdtrit(len(value) - 1, (1 + level) / 2))
    between = student * spread / math.sqrt(len(value))
    down, up = (
        math.hypot(math.sqrt(np.square(reach.clip(min=0)).mean()), between)
        for reach in (value - low, high - value)
    )
    return Measure(mean, max(bounds[0], mean - down), min(bounds[1], mean + up)), spread


def pooled_p(measures: Sequence[Measure], *, level: float = 0.95) -> float:
    r"""Return the two-sided p-value of a quantity that is zero, from one measure per seed.

    One minus the coverage of the pooled interval (`pool`) that just reaches zero: the error over
    images is taken as normal, that over S seeds with Student's distribution of S - 1 degrees of
    freedom. Few seeds have little power: with two, the p-value is not below 0.05 unless the mean is
    12.7 standard errors from zero. With one seed the p-value covers only the choice of images.

    Args:
        measures: One measure per seed, of the same difference.
        level: Coverage of their intervals.

    Returns:
        The p-value; for a difference without any error, 1 if it is zero and 0 otherwise.

    Raises:
        ValueError: If there are no measures.

    Example:
        >>> round(pooled_p([Measure(0.2, 0.1, 0.3)]), 6)
        8.9e-05
        >>> round(pooled_p([Measure(0.2, 0.1, 0.3), Measure(0.3, 0.2, 0.4)]), 3)
        0.132
    """
    if not measures:
        raise ValueError("there are no measures to test")
    value, low, high = np.array(measures).T
    mean, count = float(value.mean()), len(value)
    reach = (value - low if mean > 0 else high - value).clip(min=0)
    images = math.sqrt(np.square(reach).mean()) / normal_quantile(level)
    seeds = float(value.std(ddof=1)) / math.sqrt(count) if count > 1 else 0.0
    return p_of_zero(mean, images, seeds, count - 1)


def p_of_zero(mean: float, images: float, seeds: float, freedom: float) -> float:
    """Return the two-sided p-value of a quantity that is zero, from the errors of both sources.

    Args:
        mean: The measured value.
        images: Its standard error over the choice of images, taken as normal.
        seeds: Its standard error over seeds, with Student's distribution; 0 without one.
        freedom: Degrees of freedom of that distribution.
    """
    if images == seeds == 0.0 or mean == 0.0:
        return float(mean == 0.0)

    from scipy.optimize import brentq
    from scipy.special import ndtri, stdtrit

    def spare(log_p: float) -> float:
        half = math.exp(log_p) / 2
        student = float(stdtrit(freedom, half)) * seeds if seeds else 0.0
        return math.hypot(float(ndtri(half)) * images, student) - abs(mean)

    least = math.log(_LEAST_P)
    return math.exp(brentq(spare, least, 0.0, xtol=1e-12)) if spare(least) > 0 else 0.0
