"""Files of a folder packed into one ZIP file, in which no damaged byte goes unseen.

Members are not compressed: any ZIP program reads them, and large ones can be mapped to memory. The
comment is the SHA-256 of all other bytes but members' contents, whose checksums the caller keeps.
"""

import hashlib
import io
import lzma
import os
import struct
import zipfile
import zlib
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from shutil import copyfileobj
from typing import BinaryIO, NamedTuple

from ood_bench.hashing import bytes_sha256

__all__ = ["DAMAGE", "Extent", "Packed", "StoredFile", "pack"]

DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    RuntimeError,  # a password is required, or the compression is unknown
    ValueError,
    struct.error,
)
"""Exceptions of `zipfile` for damaged files, beside `OSError`."""

SMALL = 1 << 20
"""Bytes of the largest file that is read at once."""

_STAMP = (1980, 1, 1, 0, 0, 0)
_HEADER = struct.Struct("<26x2H")
_ALIGNMENT = 64
_PADDING = 0x4246
"""Identifier of the extra field that aligns a member's content; PyTorch uses the same."""
_COMMENT = 64
_BLOCK = 1 << 20


class Extent(NamedTuple):
    """Part of an open file: where it starts, and its size in bytes."""

    file: BinaryIO
    start: int
    size: int

    def blocks(self) -> Iterator[bytes]:
        """Yield its content in pieces.

        Raises:
            EOFError: If the file ends before.
        """
        self.file.seek(self.start)
        left = self.size
        while left:
            block = self.file.read(min(_BLOCK, left))
            if not block:
                raise EOFError("the file ends too early")
            left -= len(block)
            yield block


def pack(folder: Path, target: Path) -> None:
    """Write all files of a folder to a new ZIP file."""
    with zipfile.ZipFile(target, "w") as packed:
        for path in sorted(path for path in folder.iterdir() if path.is_file()):
            info = zipfile.ZipInfo(path.name, _STAMP)
            info.file_size = path.stat().st_size
            info.external_attr = 0o644 << 16
            place = packed.start_dir + 30 + len(path.name.encode()) + 4
            info.extra = struct.pack("<2H", _PADDING, -place % _ALIGNMENT)
            info.extra += bytes(-place % _ALIGNMENT)
            with path.open("rb") as source, packed.open(info, "w") as member:
                copyfileobj(source, member, _BLOCK)
        packed.comment = bytes(_COMMENT)
    with target.open("r+b") as file, zipfile.ZipFile(file) as packed:
        digest = _frame(file, packed.infolist(), target.stat().st_size - _COMMENT)
        file.seek(-_COMMENT, io.SEEK_END)
        file.write(digest.encode("ascii"))


class Packed:
    """An open file that `pack` wrote.

    Args:
        file: The file; one that is small is read at once.

    Raises:
        OSError: If it cannot be read.
        *DAMAGE: If it is no ZIP file.
    """

    def __init__(self, file: BinaryIO) -> None:
        small = os.fstat(file.fileno()).st_size <= SMALL
        self._file = io.BytesIO(file.read()) if small else file
        self._zip = zipfile.ZipFile(self._file)
        self._entries = {entry.filename: entry for entry in self._zip.infolist()}

    @property
    def names(self) -> Collection[str]:
        """The names of the members."""
        return self._entries.keys()

    def intact(self) -> bool:
        """Return whether all bytes but members' contents are as `pack` wrote them."""
        end = self._file.seek(0, io.SEEK_END) - _COMMENT
        frame = _frame(self._file, self._zip.infolist(), end)
        return self._zip.comment == frame.encode("ascii")

    def content(self, name: str) -> bytes:
        """Return the content of a member; `zipfile` compares it with its CRC-32."""
        return self._zip.read(self._entries[name])

    def sha256(self, name: str) -> str:
        """Return the SHA-256 of the content of a member, in hexadecimal."""
        found = hashlib.sha256()
        for block in self.extent(name).blocks():
            found.update(block)
        return found.hexdigest()

    def extent(self, name: str) -> Extent:
        """Return where the content of a member lies."""
        entry = self._entries[name]
        return Extent(self._file, _start(self._file, entry), entry.file_size)


@dataclass(frozen=True)
class StoredFile:
    """A file on disk, or a member of a packed one, to be opened when needed.

    Attributes:
        path: The file.
        member: The name of the member; empty for the whole file.
    """

    path: Path
    member: str = ""

    def __str__(self) -> str:
        """Return the path."""
        return str(self.path / self.member)

    @contextmanager
    def open(self) -> Iterator[Extent]:
        """Open the file and yield where the content lies.

        Raises:
            OSError: If it cannot be read.
            *DAMAGE: If it is damaged.
            KeyError: If it has no such member.
        """
        with self.path.open("rb") as file:
            if self.member:
                _, start, size = Packed(file).extent(self.member)
                yield Extent(file, start, size)
            else:
                yield Extent(file, 0, self.path.stat().st_size)

    def copy(self, target: Path) -> None:
        """Write the content to a file.

        Raises:
            OSError: If it cannot be read, or `target` cannot be written, which is then named.
        """
        with self.open() as extent, target.open("wb") as file:
            for block in extent.blocks():
                try:
                    file.write(block)
                    file.flush()
                except OSError as error:
                    raise OSError(error.errno, error.strerror, str(target)) from error


def _start(file: BinaryIO, entry: zipfile.ZipInfo) -> int:
    """Return where the content of a member starts."""
    file.seek(entry.header_offset)
    name, extra = _HEADER.unpack(file.read(_HEADER.size))
    return int(entry.header_offset + _HEADER.size + name + extra)


def _frame(file: BinaryIO, entries: Collection[zipfile.ZipInfo], end: int) -> str:
    """Return the SHA-256 of all bytes before `end` but members' contents.

    Raises:
        BadZipFile: If members overlap or are compressed.
    """
    frame, place = bytearray(), 0
    for entry in entries:
        start = _start(file, entry)
        if start < place or entry.compress_size != entry.file_size or entry.compress_type:
            raise zipfile.BadZipFile("its members are not in order")
        file.seek(place)
        frame += file.read(start - place)
        place = start + entry.file_size
    file.seek(place)
    frame += file.read(max(0, end - place))
    return bytes_sha256(bytes(frame))
