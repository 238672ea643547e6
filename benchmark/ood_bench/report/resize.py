"""Figures in the width and the font size of a paper."""

import math
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ood_bench.errors import OodBenchError
from ood_bench.report.stack import columns_of, stack

if TYPE_CHECKING:
    from matplotlib.figure import Figure, SubFigure

FONT_SIZE = 9.0
"""Font size of axis labels and titles in a figure as it is drawn, in points."""
NARROWEST = 0.75
"""Least width of a panel relative to its letters, as a share of that of the drawing."""


@dataclass(frozen=True)
class PaperSize:
    """Width and font size of a figure; without both it stays as it is drawn.

    Args:
        width: Width in inches: about 3.3 for a column, 5.5 to 7 for a page.
        font_size: Font size of labels and titles in points, which scales all text alike; default:
            scaled with the width. Panels for which the letters are too large in that width stand
            in fewer columns, one below the other in the end.

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
        if self.width is not None and self.font_size is not None:
            columns = columns_of(figure)
            one = self.width / (width / columns) / (self.font_size / FONT_SIZE)
            stack(figure, max(1, min(columns, math.floor(one / NARROWEST))))
            width, height = figure.get_size_inches()
        ratio = 1.0 if self.width is None else self.width / width
        factor = ratio if self.font_size is None else self.font_size / FONT_SIZE
        figure.set_size_inches(width * ratio, height * max(ratio, math.sqrt(ratio * factor)))
        if factor != 1.0:
            _scale_text(figure, factor)
        if factor > ratio:
            _narrow_legends(figure)
            _break_labels(figure)


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


def _lay_out(figure: "Figure") -> None:
    """Place everything, even where there is no room for it yet."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "constrained_layout not applied", UserWarning)
        figure.draw_without_rendering()


def _narrow_legends(figure: "Figure") -> None:
    """Put a legend below a figure into one column if it is too wide; the figure grows by it."""
    _lay_out(figure)
    parts: tuple[Figure | SubFigure, ...] = (figure, *figure.subfigs)
    for part in parts:
        for legend in list(part.legends):
            before, texts = legend.get_window_extent(), legend.get_texts()
            if before.width <= figure.bbox.width:
                continue
            legend.remove()
            made = part.legend(
                [handle for handle in legend.legend_handles if handle is not None],
                [text.get_text() for text in texts],
                loc="outside lower center",
                fontsize=texts[0].get_fontsize(),
                frameon=False,
            )
            _lay_out(figure)
            added = (made.get_window_extent().height - before.height) / figure.dpi
            width, height = figure.get_size_inches()
            figure.set_size_inches(width, height + added * figure.bbox.height / part.bbox.height)


def _break_labels(figure: "Figure") -> None:
    """Break labels of axes that are much longer than these."""
    _lay_out(figure)
    for axes in figure.axes:
        for label, along in ((axes.xaxis.label, "width"), (axes.yaxis.label, "height")):
            box, text = label.get_window_extent(), label.get_text()
            free = 1.25 * getattr(axes.bbox, along)
            if " " in text and getattr(box, along) > free:
                label.set_text(_halved(text))


def _halved(text: str) -> str:
    """Break a text at the space nearest to its middle.

    Example:
        >>> _halved("Bits per dimension (more likely)").splitlines()
        ['Bits per dimension', '(more likely)']
    """
    spaces = [i for i, letter in enumerate(text) if letter == " "]
    at = min(spaces, key=lambda i: abs(i - len(text) / 2))
    return f"{text[:at]}\n{text[at + 1 :]}"
