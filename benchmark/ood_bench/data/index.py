"""Digests of data sets decoded before, so that a plan can be made without decoding again."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import PIL

from ood_bench.data.shape import Shape
from ood_bench.errors import DataError
from ood_bench.files import write_whole
from ood_bench.hashing import digest

REVISION = 2  # raised when a source, a decoder or a transform yields other pixels


@dataclass(frozen=True)
class Record:
    """What decoding a split has shown.

    Attributes:
        count: How many images.
        digest: Digest of their pixels after the transform.
        native: The shape that all had before the transform; None if they differed.
        labels: Digest of their labels; empty without labels.
        classes: The largest label plus one; 0 without labels.
    """

    count: int
    digest: str
    native: Shape | None
    labels: str = ""
    classes: int = 0


class Index:
    """A folder of records by key; without a folder nothing is remembered."""

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder

    def get(self, key: str) -> Record | None:
        """Return the record of a key, or None if there is none that can be read."""
        if self.folder is None:
            return None
        try:
            found = json.loads((self.folder / f"{key}.json").read_text(encoding="utf-8"))
            native = found["native"]
            return Record(
                count=int(found["count"]),
                digest=str(found["digest"]),
                native=Shape(*native) if native else None,
                labels=str(found["labels"]),
                classes=int(found["classes"]),
            )
        except (OSError, ValueError, TypeError, LookupError):
            return None

    def put(self, key: str, record: Record) -> None:
        """Write a record under another name and rename it, so that it is whole or not there."""
        if self.folder is None:
            return
        write_whole(self.folder / f"{key}.json", json.dumps(asdict(record)))


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
