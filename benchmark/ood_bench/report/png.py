"""Figures as PNG files, for print and for a screen."""

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from PIL.Image import Image

COLOURS = 256
PHOTOGRAPH = 1 << 14
"""An image of more colours is taken to show photographs, which 256 colours would spoil."""


@dataclass(frozen=True)
class Png:
    """PNG in 256 colours that include the rare ones, or in all colours for photographs.

    Args:
        dpi: Dots per inch: 200 for print, 130 for a screen.
        photographs: Whether photographs keep all their colours.
    """

    dpi: int = 200
    photographs: bool = True

    @property
    def suffix(self) -> str:
        """What the file's name ends in."""
        return "png"

    def __call__(self, figure: "Figure", /) -> bytes:
        """Return the file."""
        from PIL.Image import Dither, Quantize

        image = pixels(figure, self.dpi)
        if not self.photographs or image.getcolors(PHOTOGRAPH):
            image = image.quantize(COLOURS, method=Quantize.MAXCOVERAGE, dither=Dither.NONE)
        buffer = io.BytesIO()
        image.save(buffer, format="png", optimize=not self.photographs, dpi=(self.dpi, self.dpi))
        return buffer.getvalue()


PRINT = Png()
SCREEN = Png(dpi=130, photographs=False)


def pixels(figure: "Figure", dpi: int) -> "Image":
    """Return a figure as an image in RGB."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from PIL import Image

    figure.set_dpi(dpi)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()  # type: ignore[no-untyped-call]  # matplotlib leaves it untyped
    drawn = np.asarray(canvas.buffer_rgba())  # type: ignore[no-untyped-call]  # the same
    return Image.fromarray(drawn).convert("RGB")
