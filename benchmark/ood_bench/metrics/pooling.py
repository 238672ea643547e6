"""One measure of several seeds."""

import math
from collections.abc import Sequence

import numpy as np
from scipy.special import stdtrit

from ood_bench.metrics.measure import Measure


def pool(
    measures: Sequence[Measure],
    *,
    level: float = 0.95,
    bounds: tuple[float, float] = (-math.inf, math.inf),
) -> tuple[Measure, float]:
    r"""Return the mean over seeds with its interval, and the standard deviation over seeds.

    All seeds are tried on the same test images. The error that comes of that sample of
    images is common to them and does not shrink with the number of seeds S; the error that
    comes of the seeds does. With $v_s$ the values, $l_s$ the lower ends of their intervals
    and $\sigma$ the standard deviation of the values (S - 1 in its denominator), the
    interval reaches down from the mean by

    $$\sqrt{\mathrm{mean}_s (v_s - l_s)^2 + (t_{S-1}\,\sigma / \sqrt S)^2},$$

    where $t_{S-1}$ is the quantile of Student's distribution for the level, and up likewise.
    What a seed does to single images is counted in both terms, so the interval is rather
    too wide than too narrow.

    Args:
        measures: One measure a seed, of the same quantity.
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
    value, low, high = np.array(measures).T
    mean, spread = float(value.mean()), float(value.std(ddof=1))
    student = float(stdtrit(len(value) - 1, (1 + level) / 2))
    between = student * spread / math.sqrt(len(value))
    down, up = (
        math.hypot(math.sqrt(np.square(reach.clip(min=0)).mean()), between)
        for reach in (value - low, high - value)
    )
    return Measure(mean, max(bounds[0], mean - down), min(bounds[1], mean + up)), spread
