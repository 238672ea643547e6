"""The python batches of CIFAR-10 and CIFAR-100, read without running what a pickle may hold."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ood_bench.data.pictures import Decoded
from ood_bench.data.reading import reading
from ood_bench.data.sources import Found, SearchRoots
from ood_bench.data.sources.restricted_pickle import load_arrays
from ood_bench.errors import DataError


@dataclass(frozen=True)
class CifarBatches:
    """Pickled dicts of `data`, uint8 `(N, 3072)`, and a list of labels.

    Attributes:
        folder: Folder below the data root, as torchvision names it.
        batches: File names of each split.
        labels: Key of the labels.
    """

    folder: str
    batches: Mapping[str, tuple[str, ...]]
    labels: str

    def find(self, name: str, roots: SearchRoots) -> Found | None:
        """Return the splits whose batches are all there."""
        del name
        files = {
            split: tuple(folder / batch for batch in batches)
            for folder in roots.below((self.folder,))
            for split, batches in self.batches.items()
            if all((folder / batch).is_file() for batch in batches)
        }
        if not files:
            return None
        return Found(
            "data root, python batches",
            files,
            lambda split, limit: self._read(files[split], limit),
        )

    def _read(self, paths: tuple[Path, ...], limit: int | None) -> Decoded:
        pixels: list[NDArray[np.uint8]] = []
        labels: list[NDArray[np.int64]] = []
        for path in paths:
            one, classes = _batch(path, self.labels)
            pixels.append(one)
            labels.append(classes)
            if limit is not None and sum(map(len, pixels)) >= limit:
                break
        return Decoded(np.concatenate(pixels)[:limit], np.concatenate(labels)[:limit])


def _batch(path: Path, key: str) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    with reading(path, "not a CIFAR batch"):
        batch = load_arrays(path.read_bytes())
        pixels, labels = batch["data"], np.asarray(batch[key], np.int64)
    if not isinstance(pixels, np.ndarray) or pixels.dtype != np.uint8 or labels.ndim != 1:
        raise DataError(f"{path}: not a CIFAR batch: no uint8 array and list of labels")
    if pixels.shape != (len(labels), 3072):
        raise DataError(f"{path}: {pixels.shape} pixels do not go with {len(labels)} labels")
    return pixels.reshape(-1, 3, 32, 32), labels
