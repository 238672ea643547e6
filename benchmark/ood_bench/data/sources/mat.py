"""SVHN's cropped digits, as published: `train_32x32.mat` and `test_32x32.mat`."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ood_bench.data.pictures import Decoded
from ood_bench.data.reading import reading
from ood_bench.data.sources import Found, SearchRoots
from ood_bench.errors import DataError


@dataclass(frozen=True)
class SvhnMat:
    """MATLAB files of `X`, uint8 `(32, 32, 3, N)`, and `y`, where 10 stands for the digit 0.

    Attributes:
        folders: Folders below the data root where they may lie; torchvision's is the root.
    """

    folders: tuple[str, ...] = ("", "svhn", "SVHN")

    def find(self, name: str, roots: SearchRoots) -> Found | None:
        """Return the first folder that holds a split."""
        del name
        files = next(filter(None, map(_files, roots.below(self.folders))), None)
        if files is None:
            return None
        return Found("data root, .mat", files, lambda split, limit: _read(files[split][0], limit))


def _files(folder: Path) -> dict[str, tuple[Path, ...]]:
    paths = {split: folder / f"{split}_32x32.mat" for split in ("train", "test")}
    return {split: (path,) for split, path in paths.items() if path.is_file()}


def _read(path: Path, limit: int | None) -> Decoded:
    from scipy.io import loadmat

    with reading(path, "not SVHN's .mat file"):
        content = loadmat(str(path), variable_names=["X", "y"])
        pixels, labels = content["X"], content["y"].astype(np.int64).ravel()
    if pixels.dtype != np.uint8 or pixels.shape != (32, 32, 3, len(labels)):
        raise DataError(
            f"{path}: not SVHN's cropped digits: {pixels.dtype} pixels of shape {pixels.shape}, "
            f"{len(labels)} labels"
        )
    return Decoded(pixels.transpose(3, 2, 0, 1)[:limit], (labels % 10)[:limit])
