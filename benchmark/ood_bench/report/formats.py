"""Formats of a report, as plugins: each writes the document, and is found by its entry point."""

from abc import ABC, abstractmethod
from pathlib import Path
from typing import ClassVar

from ood_bench.errors import PluginError
from ood_bench.registry import Registry, construct
from ood_bench.report.document import Document
from ood_bench.report.encode import Encoding
from ood_bench.report.png import PRINT, SCREEN


class Format(ABC):
    """A plugin: writes a document as files.

    Attributes:
        single: Whether it writes one file that holds all it shows. If not, figures and tables
            as CSV are put beside its page, under `figures/` and `tables/`.
        draws: Whether it shows charts and galleries itself; if not, these come as pictures.
    """

    single: ClassVar[bool] = False
    draws: ClassVar[bool] = False

    def encoding(self, *, small: bool) -> Encoding | None:
        """Return how figures are encoded; None for a format without figures.

        Args:
            small: Whether they are for a screen, and few bytes matter.
        """
        return SCREEN if small else PRINT

    @abstractmethod
    def write(self, document: Document, folder: Path) -> Path:
        """Write the files and return the path of the one to open; pictures lie there already.

        Args:
            document: What to say.
            folder: Where the files go; it is there.
        """


def load_format(name: str, registry: Registry | None = None) -> Format:
    """Return a format by its name.

    Args:
        name: A registered name, `package.module:Class`, or `./file.py:Class`.
        registry: The plugins; those that are installed unless given.

    Raises:
        PluginError: If there is none, or it is no format.
    """
    plugin = (registry or Registry()).load("formats", name)
    if not issubclass(plugin, Format):
        raise PluginError(f"'{name}' is no format; derive it from ood_bench.report.Format")
    made: Format = construct(plugin, name, {})
    return made
