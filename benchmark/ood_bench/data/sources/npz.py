"""NumPy archives of uint8 arrays."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ood_bench.data.pictures import Decoded, as_labels
from ood_bench.data.reading import reading
from ood_bench.data.sources import Found
from ood_bench.errors import DataError

_NAMES = {
    "train": (("train_images", "train_labels"), ("x_train", "y_train")),
    "test": (("test_images", "test_labels"), ("x_test", "y_test")),
    "val": (("val_images", "val_labels"), ("x_val", "y_val")),
    "all": (("images", "labels"), ("x", "y"), ("arr_0", "arr_1")),
}

_ZIP, _ARRAY = b"PK\x03\x04", b"\x93NUMPY"


def own_npz(path: Path) -> Found:
    """Return the splits in an archive, by the names of its arrays.

    Raises:
        DataError: If the archive is not there, is damaged, or has no array of such a name.
    """
    if not path.is_file():
        raise DataError(f"{path}: there is no such file")
    names = _open(path, lambda archive: list(archive.files))
    pairs = {split: pair for split, pairs in _NAMES.items() for pair in pairs if pair[0] in names}
    if not pairs:
        known = ", ".join(pair[0] for pairs in _NAMES.values() for pair in pairs)
        raise DataError(f"{path}: none of its arrays {', '.join(names)} is named {known}")

    def read(split: str, limit: int | None) -> Decoded:
        images, labels = pairs[split]
        pixels = _channels_first(path, images, _open(path, lambda archive: archive[images]))
        if labels not in names:
            return Decoded(pixels[:limit], None)
        classes = np.asarray(_open(path, lambda archive: archive[labels]))
        classes = np.squeeze(classes)[None] if classes.size == 1 else np.squeeze(classes)
        classes = as_labels(f"{path}: '{labels}'", classes, len(pixels))
        return Decoded(pixels[:limit], classes[:limit])

    return Found("npz", dict.fromkeys(pairs, (path,)), read)


def _open(path: Path, read: Any) -> Any:
    with reading(path, "not a readable .npz archive"):
        with path.open("rb") as file:
            begins = file.read(len(_ZIP))
        if begins == _ARRAY[: len(_ZIP)]:
            raise DataError(
                f"{path}: one array (.npy) and no .npz archive; "
                "write it with np.savez(path, images=array)"
            )
        if begins != _ZIP:
            raise DataError(f"{path}: not a readable .npz archive: it does not begin as one")
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            return read(archive)


def _channels_first(path: Path, name: str, pixels: Any) -> NDArray[np.uint8]:
    if not isinstance(pixels, np.ndarray):
        raise DataError(f"{path}: '{name}' is no array")
    if pixels.dtype != np.uint8:
        advice = "(255 * x).round().astype('uint8') if x lies in [0, 1]"
        raise DataError(f"{path}: '{name}' is {pixels.dtype}; store uint8 values, {advice}")
    if pixels.ndim == 3:
        return pixels[:, None]
    if pixels.ndim == 4:
        last, first = pixels.shape[3] in (1, 3), pixels.shape[1] in (1, 3)
        if last and not first:
            return pixels.transpose(0, 3, 1, 2)
        if first and not last:
            return pixels
    raise DataError(
        f"{path}: '{name}' has shape {pixels.shape}; it must be (N, H, W), (N, H, W, C) or "
        "(N, C, H, W) with one or three channels"
    )
