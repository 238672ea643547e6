"""IDX files, as MNIST and its kin are published: header, then raw bytes; gzipped or not."""

import gzip
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ood_bench.data.pictures import Decoded
from ood_bench.data.reading import reading
from ood_bench.data.sources import Found, SearchRoots
from ood_bench.errors import DataError

_NAMES = {"train": "train", "test": "t10k"}
UNSIGNED_BYTE = 8


@dataclass(frozen=True)
class Idx:
    """`train-images-idx3-ubyte` and its three companions.

    Attributes:
        folders: Folders below the data root where they may lie, torchvision's first.
    """

    folders: tuple[str, ...]

    def find(self, name: str, roots: SearchRoots) -> Found | None:
        """Return the first folder that holds images and labels of a split."""
        del name
        files = next(filter(None, map(_files, roots.below(self.folders))), None)
        if files is None:
            return None
        return Found("data root, IDX", files, lambda split, limit: _read(files[split], limit))


def _files(folder: Path) -> dict[str, tuple[Path, ...]]:
    found = {}
    for split, stem in _NAMES.items():
        names = (f"{stem}-images-idx3-ubyte", f"{stem}-labels-idx1-ubyte")
        paths = [path for name in names if (path := _plain_or_gzipped(folder / name))]
        if len(paths) == len(names):
            found[split] = tuple(paths)
    return found


def _plain_or_gzipped(path: Path) -> Path | None:
    choices = (path, path.with_name(f"{path.name}.gz"))
    return next((choice for choice in choices if choice.is_file()), None)


def _read(paths: tuple[Path, ...], limit: int | None) -> Decoded:
    images, labels = (read_idx(path) for path in paths)
    if images.ndim != 3 or labels.ndim != 1 or len(images) != len(labels):
        raise DataError(f"{paths[0]}: {images.shape} images do not go with {labels.shape} labels")
    return Decoded(images[:limit, None], labels[:limit].astype(np.int64))


def read_idx(path: Path) -> NDArray[np.uint8]:
    """Return the array in an IDX file of unsigned bytes.

    Raises:
        DataError: If it is not such a file, or is longer or shorter than its header says.
    """
    with reading(path, "not a readable IDX file"):
        data = path.read_bytes()
        if data[:2] == b"\x1f\x8b":
            data = gzip.decompress(data)
    if len(data) < 4 or data[:2] != b"\0\0" or data[2] != UNSIGNED_BYTE:
        raise DataError(f"{path}: not an IDX file of unsigned bytes")
    start = 4 + 4 * data[3]
    if len(data) < start:
        raise DataError(f"{path}: {len(data)} bytes end within its header of {start}")
    shape = tuple(int(size) for size in np.frombuffer(data[4:start], ">u4"))
    if len(data) != start + math.prod(shape):
        raise DataError(
            f"{path}: {len(data) - start} bytes of data where its header says {math.prod(shape)}"
        )
    return np.frombuffer(data, np.uint8, offset=start).reshape(shape)
