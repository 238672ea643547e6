"""Figures as bytes of a file format."""

from typing import TYPE_CHECKING, Protocol

from ood_bench.report import resize, stack
from ood_bench.report.code import source_digest, together
from ood_bench.report.pdf import Pdf

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Encoding(Protocol):
    """Encodes a figure as a file. Its `repr` names all options that the file depends on."""

    @property
    def suffix(self) -> str:
        """What the file's name ends in, without the dot."""
        ...

    def __call__(self, figure: "Figure", /) -> bytes:
        """Return the file."""
        ...


def encoding_digest(encoding: Encoding) -> str | None:
    """Return a digest of an encoding's code and options; None if there is no source."""
    modules = (resize.__name__, stack.__name__) if isinstance(encoding, Pdf) else ()
    return together(repr(encoding), source_digest(type(encoding).__module__, *modules))
