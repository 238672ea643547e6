"""Passes of an image through a network: what a statistic costs on any machine."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Passes:
    """How often an image passes a network, on average.

    Attributes:
        forward: Passes forward.
        products: Those of them that also carry a tangent: Jacobian-vector products.
        backward: Passes back.
    """

    forward: float = 0.0
    products: float = 0.0
    backward: float = 0.0

    def __add__(self, other: "Passes") -> "Passes":
        """Return the passes of both."""
        return Passes(
            self.forward + other.forward,
            self.products + other.products,
            self.backward + other.backward,
        )

    def __str__(self) -> str:
        """Return them in words, without those that are not taken.

        Example:
            >>> str(Passes(30)), str(Passes(1, 0, 4)), str(Passes())
            ('30 F', '1 F + 4 B', '0')
        """
        letters = {"F": self.forward, "J": self.products, "B": self.backward}
        return " + ".join(f"{n:.3g} {letter}" for letter, n in letters.items() if n) or "0"


def mean_passes(measured: Sequence[Passes | None]) -> Passes | None:
    """Return the mean of passes; None if there are none, or some are not known.

    Example:
        >>> str(mean_passes([Passes(1), Passes(2, 0, 1)])), mean_passes([Passes(1), None])
        ('1.5 F + 0.5 B', None)
    """
    known = [passes for passes in measured if passes is not None]
    if not known or len(known) < len(measured):
        return None
    total = sum(known, Passes())
    count = len(known)
    return Passes(total.forward / count, total.products / count, total.backward / count)
