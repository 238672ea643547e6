"""An axis of likelihood gaps, which may differ by many orders of magnitude."""

import math
from typing import TYPE_CHECKING

import pandas as pd

from ood_bench.analyses.view import BEYOND
from ood_bench.units import legible

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ood_bench.analyses.style import Colour

WIDEST_LINEAR = 30.0
FAR = 1e6
"""Multiple of the middle size from which a gap lies beyond the axis."""
MARGIN = 0.08
DECADES = 6
"""Decades of an axis on each side of 0."""
MOST_TICKS = 3
"""Ticks on each side of 0."""


def draw_gap(
    axes: "Axes", line: int, gap: pd.Series, colour: "Colour", *, low: float, high: float
) -> None:
    """Draw one dot with its interval, filled where observed, and its number at the right.

    A gap beyond the axis is an arrow at its end.
    """
    value = float(gap["value"])
    face = colour if gap["quantity"] == "observed_gap" else "white"
    if low <= value <= high:
        reach = [[value - max(float(gap["low"]), low)], [min(float(gap["high"]), high) - value]]
        axes.errorbar(
            value, line, xerr=reach, fmt="o", color=colour, mfc=face, ms=5, lw=1.2, capsize=2
        )
    else:
        x, marker = (low, "<") if value < low else (high, ">")
        axes.plot(x, line, marker, color=colour, mfc=face, ms=7, clip_on=False, gid=BEYOND)
    axes.text(
        1.01,
        line,
        legible(value),
        transform=axes.get_yaxis_transform(),
        va="center",
        fontsize=8,
    )


def span(gaps: pd.DataFrame) -> tuple[float, float]:
    """Return the gaps to show, with a margin: all but those far larger than the middle one.

    Under a flow without any bound on its scales, uniform noise can have 1e29 bits per dimension.
    """
    sizes = gaps["value"].abs()
    near = gaps[sizes <= FAR * float(sizes.median())]["value"]
    reach = MARGIN * (float(near.abs().max()) or 1.0)
    return min(float(near.min()), 0.0) - reach, max(float(near.max()), 0.0) + reach


def set_scale(axes: "Axes", gaps: pd.DataFrame) -> None:
    """Label the axis, and make it logarithmic away from zero where the gaps differ much."""
    label = "OOD minus ID, bits per dimension"
    low, high = span(gaps)
    sizes = gaps["value"].abs()
    largest, least = max(-low, high), float(sizes[sizes > 0].min())
    axes.set_xlim(low, high)
    if largest > WIDEST_LINEAR * least:
        top = math.floor(math.log10(largest))
        first = max(math.floor(math.log10(least)), top - DECADES)
        step = max(1, math.ceil((top - first + 1) / MOST_TICKS))
        powers = [10.0**power for power in range(top, first - 1, -step)]
        axes.set_xscale("symlog", linthresh=10.0**first)
        axes.set_xlim(low * 2, high * 2)
        ticks = [*(-power for power in powers if -power >= low), 0.0, *powers]
        ticks = [tick for tick in ticks if low <= tick <= high]
        axes.set_xticks(ticks, [f"{tick:,g}".replace("-", "−") for tick in ticks])
        axes.minorticks_off()
        label += ", logarithmic away from 0"
    axes.set_xlabel(f"{label} (OOD more likely →)")
