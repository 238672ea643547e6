"""Numbers as readers see them: three decimals, and "–" for what is absent."""

import math

from ood_bench.units import legible

ABSENT = "–"


def decimal(value: float | None) -> str:
    """Write a measured value: three decimals, from 1,000 on three significant digits.

    Example:
        >>> decimal(0.15949), decimal(-0.0001), decimal(None), decimal(6130.71), decimal(2.15e29)
        ('0.159', '0.000', '–', '6,130', '2.15e29')
    """
    if value is None or not math.isfinite(value):
        return ABSENT
    if abs(value) >= 1000:
        return legible(value).replace("−", "-")
    return f"{value:.3f}" if round(value, 3) else "0.000"


def with_interval(value: float | None, low: float | None, high: float | None) -> str:
    """Write a measured value and its interval.

    Example:
        >>> with_interval(0.159, 0.1553, 0.1637)
        '0.159 [0.155, 0.164]'
    """
    if decimal(low) == ABSENT or decimal(high) == ABSENT or decimal(value) == ABSENT:
        return decimal(value)
    return f"{decimal(value)} [{decimal(low)}, {decimal(high)}]"


def p_text(value: float) -> str:
    """Write a p-value.

    Example:
        >>> p_text(0.0312), p_text(1e-9)
        ('0.031', '< 0.001')
    """
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def count(value: int) -> str:
    """Write a count.

    Example:
        >>> count(10000), count(0)
        ('10,000', '–')
    """
    return f"{value:,}" if value else ABSENT


def duration(seconds: float) -> str:
    """Write a duration.

    Example:
        >>> duration(75), duration(7384), duration(0.4)
        ('1 min 15 s', '2 h 3 min', '0.4 s')
    """
    if not math.isfinite(seconds):
        return ABSENT
    if seconds < 10:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if minutes else f"{rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def names(words: list[str]) -> str:
    """Join names.

    Example:
        >>> names(["a"]), names(["a", "b", "c"])
        ('a', 'a, b and c')
    """
    return " and ".join(filter(None, [", ".join(words[:-1]), *words[-1:]]))


def plural(number: int, noun: str) -> str:
    """Write a number of things.

    Example:
        >>> plural(1, "seed"), plural(3, "seed")
        ('1 seed', '3 seeds')
    """
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
