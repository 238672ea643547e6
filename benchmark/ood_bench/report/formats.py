"""Formats of reports, as plugins that write a document."""

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
        single: Whether it writes one self-contained file. Otherwise figures, and tables as CSV, are
            written beside its page, under `figures/` and `tables/`.
        draws: Whether it draws charts and galleries itself; otherwise it gets pictures.
    """

    single: ClassVar[bool] = False
    draws: ClassVar[bool] = False

    def encoding(self, *, small: bool) -> Encoding | None:
        """Return how figures are encoded; None for a format without figures.

        Args:
            small: Whether they are for a screen and should be small.
        """
        return SCREEN if small else PRINT

    @abstractmethod
    def write(self, document: Document, folder: Path) -> Path:
        """Write the files and return the path of the main one; pictures are already there.

        Args:
            document: The content.
            folder: The target folder, which exists.
        """


def load_format(name: str, registry: Registry | None = None) -> Format:
    """Return a format by its name.

    Args:
        name: A registered name, `package.module:Class`, or `./file.py:Class`.
        registry: The plugins; default: the installed ones.

    Raises:
        PluginError: If it is unknown or not a format.
    """
    plugin = (registry or Registry()).load("formats", name)
    if not issubclass(plugin, Format):
        raise PluginError(f"'{name}' is no format; derive it from ood_bench.report.Format")
    made: Format = construct(plugin, name, {})
    return made
