"""Digests of data sets decoded before, so that a plan can be made without decoding again."""

import logging
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

    Args:
        files: The files that the images are read from.
        **request: All else that decides on the pixels, as JSON values.

    Raises:
        DataError: If a file is not there.
    """
    stamps = []
    for path in files:
        try:
            stat = path.stat()
        except OSError as error:
            raise DataError(f"{path}: cannot be read: {error.strerror}") from error
        stamps.append([str(path.absolute()), stat.st_size, stat.st_mtime_ns])
    versions = {"revision": REVISION, "pillow": PIL.__version__}
    return digest({"files": stamps, "versions": versions, "request": request})
