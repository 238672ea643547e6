"""A measured value with its interval."""

from statistics import NormalDist
from typing import NamedTuple


class Measure(NamedTuple):
    """A value and the ends of its confidence interval."""

    value: float
    low: float
    high: float


def normal_quantile(level: float) -> float:
    """Return the half-width of a normal interval of this coverage, in standard errors.

    Raises:
        ValueError: If the level is not between 0 and 1.

    Example:
        >>> round(normal_quantile(0.95), 3)
        1.96
    """
    if not 0 < level < 1:
        raise ValueError(f"the level of an interval lies between 0 and 1, got {level}")
    return NormalDist().inv_cdf((1 + level) / 2)


def percent(level: float) -> str:
    """Format a coverage as a percentage.

    Example:
        >>> percent(0.95)
        '95 %'
    """
    return f"{100 * level:g} %"
