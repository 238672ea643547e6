"""The part of an axis to show if some of the data lie far off."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ood_bench.analyses.style import Colour

Range: TypeAlias = tuple[float, float]

WIDEST = 2.5
LEAST = 4.0
MARGIN = 0.04
BEYOND = "beyond"
"""Name of the marks of what lies beyond an axis."""


def mark_beyond(axes: "Axes", x: float, *, top: bool, colour: "Colour") -> None:
    """Mark on the upper or lower edge of a panel that something lies, or goes on, beyond it.

    Args:
        axes: The panel.
        x: Where on its horizontal axis.
        top: Whether at the upper edge.
        colour: The colour of what lies there.
    """
    axes.plot(
        x,
        1.0 if top else 0.0,
        "^" if top else "v",
        color=colour,
        markersize=6,
        markeredgewidth=0,
        transform=axes.get_xaxis_transform(),
        clip_on=False,
        zorder=5,
        gid=BEYOND,
    )


def view(core: Range, others: Iterable[Range]) -> Range:
    """Return the range of bits per dimension to show, with a margin.

    It holds the whole core, and those of the others that do not make it wider than 2.5 times
    the core or 4 bits per dimension, whichever is more: uniform noise, at about 15, would leave
    no room for the rest.

    Example:
        >>> low, high = view((1.0, 3.0), [(0.5, 2.0), (15.7, 15.8)])
        >>> round(low, 1), round(high, 1)
        (0.4, 3.1)
    """
    low, high = core
    widest = max(WIDEST * (high - low), LEAST)
    for other in sorted(others, key=lambda range_: max(low - range_[0], range_[1] - high)):
        wider = min(low, other[0]), max(high, other[1])
        if wider[1] - wider[0] <= widest:
            low, high = wider
    margin = MARGIN * (high - low) or 0.5
    return low - margin, high + margin
