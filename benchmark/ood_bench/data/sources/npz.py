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

_ADVICE = {
    "uint16": "(x / 257).round().astype('uint8') if x goes from 0 to 65535",
    "bool": "255 * x.astype('uint8')",
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
        images, classes = pairs[split][0], None
        pixels = _open(path, lambda archive: archive[images])
        known = (pairs[split][1], *(pair[1] for pair in _NAMES[split]))
        labels = next((name for name in known if name in names), None)
        if labels is not None:
            classes = np.asarray(_open(path, lambda archive: archive[labels]))
            classes = np.squeeze(classes)[None] if classes.size == 1 else np.squeeze(classes)
        pixels, done = _eight_bit(path, images, pixels)
        count = None if classes is None else classes.size
        pixels = _channels_first(path, images, pixels, count)
        if classes is None:
            return Decoded(pixels[:limit], None, done)
        classes = as_labels(f"{path}: '{labels}'", classes, len(pixels))
        return Decoded(pixels[:limit], classes[:limit], done)

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


def _eight_bit(path: Path, name: str, pixels: Any) -> tuple[NDArray[np.uint8], str]:
    """Return the values as uint8, and what was done to have them so."""
    if not isinstance(pixels, np.ndarray):
        raise DataError(f"{path}: '{name}' is no array")
    if pixels.dtype.kind == "f":
        return _of_fractions(path, name, pixels), "given as fractions v/255"
    if pixels.dtype != np.uint8:
        how = _ADVICE.get(pixels.dtype.name, "x.astype('uint8') if x is whole and in 0 to 255")
        raise DataError(f"{path}: '{name}' is {pixels.dtype}; store uint8 values, {how}")
    return pixels, ""


def _of_fractions(path: Path, name: str, values: NDArray[Any]) -> NDArray[np.uint8]:
    """Return the 8-bit values that fractions x/255 stand for, as other libraries store images."""
    half = values.dtype.itemsize == 2
    scaled = values.astype(np.float32 if half else values.dtype) * 255
    whole = np.rint(scaled)
    near = np.abs(scaled - whole) <= (0.1 if half else 0.01)
    if not (near & (whole >= 0) & (whole <= 255)).all():
        raise DataError(
            f"{path}: '{name}' is {values.dtype}; store uint8 values, "
            "(255 * x).round().astype('uint8') if x lies in [0, 1]"
        )
    return np.asarray(whole, np.uint8)


def _channels_first(
    path: Path, name: str, pixels: NDArray[np.uint8], labels: int | None
) -> NDArray[np.uint8]:
    """Return `(N, C, H, W)`; one image `(H, W, 3)` is not read as H gray ones."""
    shape = pixels.shape
    if pixels.ndim == 3:
        last = shape[2] <= 4 < shape[1]
        if last or (shape[0] == 3 != labels):
            one = "(1, H, W, C)" if last else "(1, C, H, W)"
            raise DataError(
                f"{path}: '{name}' has shape {shape}: one image of several channels, or "
                f"{shape[0]} gray ones? Write one as {one}, gray ones as (N, 1, H, W)"
            )
        return pixels[:, None]
    if pixels.ndim == 4:
        last, first = shape[3] in (1, 3), shape[1] in (1, 3)
        if last and not first:
            return pixels.transpose(0, 3, 1, 2)
        if first and not last:
            return pixels
    raise DataError(
        f"{path}: '{name}' has shape {shape}; it must be (N, H, W), (N, H, W, C) or "
        "(N, C, H, W) with one or three channels"
    )
