"""Figures in the width and the font size of a paper."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ood_bench.errors import OodBenchError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FONT_SIZE = 9.0
"""Font size of axis labels and titles in a figure as it is drawn, in points."""


@dataclass(frozen=True)
class PaperSize:
    """Width and font size of a figure; without both it stays as it is drawn.

    Args:
        width: Width in inches: about 3.3 for a column, 5.5 to 7 for a page.
        font_size: Font size of labels and titles in points, which scales all text alike; default:
            scaled with the width. Figures of several panels need a page's width for 8 points.

    Raises:
        OodBenchError: If a size is not one of a page.
    """

    width: float | None = None
    font_size: float | None = None

    def __post_init__(self) -> None:
        for value, low, high, what in (
            (self.width, 1, 40, "a width is 1 to 40 inches"),
            (self.font_size, 3, 40, "a font size is 3 to 40 points"),
        ):
            if value is not None and not low <= value <= high:
                raise OodBenchError(f"{what}, got {value:g}")

    def apply(self, figure: "Figure") -> None:
        """Give a figure this size; its height grows and shrinks with both."""
        width, height = figure.get_size_inches()
        ratio = 1.0 if self.width is None else self.width / width
        factor = ratio if self.font_size is None else self.font_size / FONT_SIZE
        figure.set_size_inches(width * ratio, height * max(ratio, math.sqrt(ratio * factor)))
        if factor != 1.0:
            _scale_text(figure, factor)


def _scale_text(figure: "Figure", factor: float) -> None:
    """Scale all text of a figure, that of ticks which are still to be made as well."""
    from matplotlib.text import Text

    axes = [axis for one in figure.axes for axis in (one.xaxis, one.yaxis)]
    sizes = [float(axis.get_major_ticks(1)[0].label1.get_fontsize()) for axis in axes]
    for text in figure.findobj(Text):
        if isinstance(text, Text):
            text.set_fontsize(float(text.get_fontsize()) * factor)
    for axis, size in zip(axes, sizes, strict=True):
        axis.set_tick_params(which="both", labelsize=size * factor)
