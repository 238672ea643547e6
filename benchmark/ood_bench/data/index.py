"""Cache of the digests of decoded data sets, so that planning need not decode them again."""

import errno
import logging
import os
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

import PIL

from ood_bench.data.shape import Shape
from ood_bench.errors import DataError, StoreError
from ood_bench.files import read_sealed, write_sealed
from ood_bench.hashing import canonical, digest
from ood_bench.typed import typed

log = logging.getLogger(__name__)

REVISION = 3  # raised when a source, a decoder or a transform changes its pixels

GRANULARITY = 2_000_000_000
"""Coarsest resolution of file times, in nanoseconds: the two seconds of FAT."""


@dataclass(frozen=True)
class Record:
    """What is known of a split once it has been decoded.

    Attributes:
        count: Number of images.
        digest: Digest of their pixels after the transform.
        native: The common shape before the transform; None if shapes differ.
        labels: Digest of their labels; empty without labels.
        classes: The largest label plus one; 0 without labels.
        done: What was done beyond decoding and the transform, with the number of images.
        left_out: Number of unreadable images that were left out, by reason.
    """

    count: int
    digest: str
    native: Shape | None
    labels: str = ""
    classes: int = 0
    done: Mapping[str, int] = field(default_factory=dict)
    left_out: Mapping[str, int] = field(default_factory=dict)


class Index:
    """A folder of records by key; without a folder nothing is remembered."""

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder

    def get(self, key: str) -> Record | None:
        """Return the record of a key; None if there is none or it is damaged."""
        if self.folder is None:
            return None
        path = self.folder / f"{key}.json"
        try:
            return typed(canonical(read_sealed(path)), Record, path)
        except (OSError, StoreError):
            return None

    def put(self, key: str, record: Record) -> None:
        """Write a record with its checksum atomically."""
        if self.folder is None:
            return
        path = self.folder / f"{key}.json"
        try:
            write_sealed(path, asdict(record))
        except IsADirectoryError:
            log.warning("%s is a folder; what it would remember is found out each time", path)
        except OSError as error:
            if error.errno not in (errno.EACCES, errno.EPERM, errno.EROFS):
                raise  # a store that is read only remembers nothing new


def index_key(files: Iterable[Path], **request: object) -> str:
    """Return the key of a request, which changes with the files, the request and Pillow.

    Size and modification time of a file do not suffice: archives, Nix and git-annex give
    different content the same values. The status change time (ctime) cannot be set, and another
    file of the same name has another inode.

    Args:
        files: The files that the images are read from.
        **request: Everything else that determines the pixels, as JSON values.

    Raises:
        DataError: If a file does not exist.
    """
    stamps = []
    for path in files:
        stat = _stat(path)
        times = [stat.st_ctime_ns, stat.st_mtime_ns]
        stamps.append([str(path.absolute()), stat.st_ino, stat.st_size, *times])
    versions = {"revision": REVISION, "pillow": PIL.__version__}
    return digest({"files": stamps, "versions": versions, "request": request})


def settled(files: Iterable[Path]) -> bool:
    """Return whether any further change of some files will change their key.

    Shortly after a change, another one may get the same time, since file systems have coarse
    clocks; what is read then must not be cached. Call it after `index_key` and before reading.

    Raises:
        DataError: If a file does not exist.
    """
    now = time.time_ns()
    for path in files:
        stat = _stat(path)
        # a modification time can be set to any value, even in the future; a ctime cannot
        recent = abs(now - stat.st_mtime_ns) < GRANULARITY
        if recent or stat.st_ctime_ns > now - GRANULARITY:
            return False
    return True


def _stat(path: Path) -> os.stat_result:
    try:
        return path.stat()
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from error
