"""NumPy archives of uint8 arrays."""

import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ood_bench.data.pictures import Decoded
from ood_bench.data.sources import Found
from ood_bench.errors import DataError

_NAMES = {
    "train": (("train_images", "train_labels"), ("x_train", "y_train")),
    "test": (("test_images", "test_labels"), ("x_test", "y_test")),
    "val": (("val_images", "val_labels"), ("x_val", "y_val")),
    "all": (("images", "labels"), ("x", "y"), ("arr_0", "arr_1")),
}


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
        classes = _open(path, lambda archive: archive[labels]) if labels in names else None
        if classes is None:
            return Decoded(pixels[:limit], None)
        classes = np.squeeze(classes)[None] if classes.size == 1 else np.squeeze(classes)
        if classes.shape != (len(pixels),) or not np.issubdtype(classes.dtype, np.integer):
            raise DataError(
                f"{path}: '{labels}' must hold one integer for each of {len(pixels)} images"
            )
        return Decoded(pixels[:limit], classes[:limit].astype(np.int64))

    return Found("npz", dict.fromkeys(pairs, (path,)), read)


def _open(path: Path, read: Any) -> Any:
    try:
        with np.load(path, allow_pickle=False) as archive:
            return read(archive)
    except (OSError, EOFError, ValueError, LookupError, AttributeError) as error:
        raise DataError(f"{path}: not a readable .npz archive: {error}") from error
    except (zipfile.BadZipFile, zlib.error) as error:
        raise DataError(f"{path}: damaged: {error}") from error


def _channels_first(path: Path, name: str, pixels: NDArray[Any]) -> NDArray[np.uint8]:
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
