"""Digests of data sets decoded before, so that a plan can be made without decoding again."""

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

REVISION = 3  # raised when a source, a decoder or a transform yields other pixels

GRANULARITY = 2_000_000_000
"""Nanoseconds in which a file can change twice under one time; FAT's two seconds are the most."""


@dataclass(frozen=True)
class Record:
    """What decoding a split has shown.

    Attributes:
        count: How many images.
        digest: Digest of their pixels after the transform.
        native: The shape that all had before the transform; None if they differed.
        labels: Digest of their labels; empty without labels.
        classes: The largest label plus one; 0 without labels.
        done: What was done to images beyond decoding and the transform, and to how many.
        left_out: How many images were left out as they cannot be read, by reason.
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
        """Return the record of a key, or None if there is none, or not as it was written."""
        if self.folder is None:
            return None
        path = self.folder / f"{key}.json"
        try:
            return typed(canonical(read_sealed(path)), Record, path)
        except (OSError, StoreError):
            return None

    def put(self, key: str, record: Record) -> None:
        """Write a record with its checksum, whole or not at all."""
        if self.folder is None:
            return
        path = self.folder / f"{key}.json"
        try:
            write_sealed(path, asdict(record))
        except IsADirectoryError:
            log.warning("%s is a folder; what it would remember is found out each time", path)


def index_key(files: Iterable[Path], **request: object) -> str:
    """Return the key of a request: it changes when a file, the request or Pillow does.

    A file's size and modification time say too little: archives, Nix and git-annex give other
    content the same. The time of its last change of any kind cannot be set, and another file of
    that name has another inode.

    Args:
        files: The files that the images are read from.
        **request: All else that decides on the pixels, as JSON values.

    Raises:
        DataError: If a file is not there.
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

    Right after a change another one may get the same time, as clocks of file systems tick
    slowly; what is read then must not be remembered. Ask after `index_key`, and before reading.

    Raises:
        DataError: If a file is not there.
    """
    now = time.time_ns()
    for path in files:
        stat = _stat(path)
        # a time of modification may be set to any, also to one to come; that of a change may not
        recent = abs(now - stat.st_mtime_ns) < GRANULARITY
        if recent or stat.st_ctime_ns > now - GRANULARITY:
            return False
    return True


def _stat(path: Path) -> os.stat_result:
    try:
        return path.stat()
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from error
