"""The cells of an archive, read from its ZIP file."""

import re
import zipfile
from collections import defaultdict
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from ood_bench.cells import COLUMNS, SCORES, TABLE, WEIGHTS, Cells
from ood_bench.cells.finished import OpenCell
from ood_bench.errors import OodBenchError, StoreError
from ood_bench.hashing import bytes_sha256
from ood_bench.packed import DAMAGE

LARGEST = 1 << 30
"""Bytes of the largest file in an archive, unpacked."""

LARGEST_SUM = 1 << 36
"""Bytes of all files in an archive, unpacked."""

_ENTRY = re.compile(r"cells/([0-9a-f]{32})/([A-Za-z0-9_][A-Za-z0-9._-]*)")


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
        total = 0
        for entry in file.infolist():
            shown = ascii(entry.filename)[:100]
            match = _ENTRY.fullmatch(entry.filename)
            if match is None:
                raise OodBenchError(f"{self._where} is damaged: {shown} is no file of a cell")
            key, name = match.groups()
            if name in self._known[key]:
                raise OodBenchError(f"{self._where} is damaged: {shown} is in it twice")
            total += entry.file_size
            if entry.file_size > LARGEST or total > LARGEST_SUM:
                raise OodBenchError(
                    f"{self._where} is damaged: {shown} would be {entry.file_size:,} bytes; a file "
                    f"of an archive has at most {LARGEST:,}, all of them {LARGEST_SUM:,}"
                )
            self._known[key][name] = entry

    def path(self, key: str) -> Path:
        """Return the path of a cell in the file, whether or not it exists."""
        return self._where / "cells" / key

    def has(self, key: str) -> bool:
        """Return whether the archive has a cell.

        Raises:
            OodBenchError: If it is damaged, since an archive cannot recompute it.
        """
        if key not in self._sound and key in self._known:
            try:
                self.manifest(key)
            except StoreError as error:
                raise OodBenchError(f"{error}; the archive is damaged") from error
        return key in self._sound

    @contextmanager
    def _open(self, key: str) -> Iterator[OpenCell | None]:
        known = self._known.get(key)
        try:
            yield None if known is None else _Zipped(self._file, known)
        except (*DAMAGE, OSError) as error:
            raise OodBenchError(f"{self._where} is damaged: {error}") from error


class _Zipped:
    """A cell of an archive.

    Args:
        file: The archive.
        entries: The cell's files, by name.
    """

    def __init__(self, file: zipfile.ZipFile, entries: dict[str, zipfile.ZipInfo]) -> None:
        self._file = file
        self._entries = entries

    @property
    def names(self) -> Collection[str]:
        """The names of all files."""
        return self._entries.keys()

    def content(self, name: str) -> bytes:
        """Return the content of a file."""
        return self._file.read(self._entries[name])

    def sha256(self, name: str) -> str:
        """Return the SHA-256 of the content of a file, in hexadecimal."""
        return bytes_sha256(self.content(name))
