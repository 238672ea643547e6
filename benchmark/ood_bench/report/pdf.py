"""Figures as PDF files, whose lines and letters stay sharp at any size."""

import io
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ood_bench.report.resize import PaperSize

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Pdf:
    """PDF with embedded TrueType fonts; the same figure gives the same bytes.

    Args:
        dpi: Dots per inch of photographs and of what matplotlib draws as an image.
        size: Width and font size; default: those of the drawing.
    """

    dpi: int = 200
    size: PaperSize = field(default_factory=PaperSize)

    @property
    def suffix(self) -> str:
        """What the file's name ends in."""
        return "pdf"

    def __call__(self, figure: "Figure", /) -> bytes:
        """Return the file."""
        import matplotlib as mpl

        self.size.apply(figure)
        buffer = io.BytesIO()
        with mpl.rc_context({"pdf.fonttype": 42}):
            figure.savefig(
                buffer,
                format="pdf",
                dpi=self.dpi,
                metadata={"CreationDate": None, "Producer": None},
            )
        return buffer.getvalue()
