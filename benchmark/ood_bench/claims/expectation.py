"""The expectation of a claim: an interval of the real line."""

import math
import re
from dataclasses import dataclass

from ood_bench.errors import SuiteError

_NUMBER = r"([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)"
_BOUND = re.compile(rf"\s*(<=|>=|<|>)\s*{_NUMBER}\s*")
_BETWEEN = re.compile(rf"\s*between\s+{_NUMBER}\s+and\s+{_NUMBER}\s*")


@dataclass(frozen=True)
class Expectation:
    """An interval; `closed` states whether it includes its ends."""

    low: float
    high: float
    closed: bool

    def holds(self, value: float) -> bool:
        """Return whether a value lies in the interval."""
        if self.closed:
            return self.low <= value <= self.high
        return self.low < value < self.high


def parse_expectation(text: str) -> Expectation:
    """Parse `< 0.5`, `<= 0.5`, `> 0`, `>= 0` or `between 0.4 and 0.6`, ends included.

    Raises:
        SuiteError: If the text is none of these.

    Example:
        >>> parse_expectation("between 0.4 and 0.6").holds(0.6)
        True
        >>> parse_expectation("< 0.5").holds(0.5)
        False
    """
    if bound := _BOUND.fullmatch(text):
        sign, number = bound[1], float(bound[2])
        if math.isfinite(number):
            below = sign.startswith("<")
            low, high = (-math.inf, number) if below else (number, math.inf)
            return Expectation(low, high, closed=sign.endswith("="))
    if between := _BETWEEN.fullmatch(text):
        low, high = float(between[1]), float(between[2])
        if math.isfinite(low) and math.isfinite(high) and low <= high:
            return Expectation(low, high, closed=True)
    raise SuiteError(
        f"cannot read the expectation '{text}'; write '< 0.5', '<= 0.5', '> 0', '>= 0' or "
        "'between 0.4 and 0.6'"
    )
