"""The cells of an archive, read where they lie."""

import zipfile
import zlib
from collections import defaultdict
from collections.abc import Collection
from pathlib import Path

from ood_bench.cells import COLUMNS, SCORES, TABLE, WEIGHTS, Cells
from ood_bench.errors import OodBenchError


class ZippedCells(Cells):
    """Finished cells in a ZIP file, `cells/<key>/<name>`; nothing is unpacked to disk.

    Args:
        file: The open file.

    Raises:
        OodBenchError: If a part of it that is read is damaged.
    """

    left_out = frozenset({WEIGHTS, SCORES, TABLE, COLUMNS})

    def __init__(self, file: zipfile.ZipFile) -> None:
        super().__init__()
        self._file = file
        self._where = Path(file.filename or "")
        self._known: dict[str, dict[str, zipfile.ZipInfo]] = defaultdict(dict)
        for entry in file.infolist():
            match entry.filename.split("/"):
                case ["cells", key, name]:
                    self._known[key][name] = entry

    def path(self, key: str) -> Path:
        """Return where the cell lies or would lie in the file."""
        return self._where / "cells" / key

    def _names(self, key: str) -> Collection[str]:
        return self._known.get(key, {})

    def _content(self, key: str, name: str) -> bytes:
        try:
            return self._file.read(self._known[key][name])
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError) as error:
            raise OodBenchError(f"{self._where} is damaged: {error}") from error
