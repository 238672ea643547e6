"""Complexity: the size of an image under lossless compression."""

import io
import os
import sys
import threading
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context, parent_process
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ood_bench.detectors import Columns
from ood_bench.errors import DataError
from ood_bench.spawn import without_main
from ood_bench.statistics import Statistic

# WebP: method 2 at full effort gives the shortest files of small colour images, 1742 bytes for
# a CIFAR-10 image in 0.3 ms. Method 6 gives 1791 bytes in 27 ms; for gray ones 2 % less in 5 ms.
CODECS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "png": {"format": "PNG", "optimize": True, "compress_level": 9},
        "webp": {"format": "WEBP", "lossless": True, "quality": 100, "method": 2},
        "jpeg2000": {"format": "JPEG2000", "irreversible": False},
    }
)
CHUNK = 256
"""Images per task of a worker process."""
SHARE = 1024
"""Minimum images per process; with fewer, starting it takes longer than it saves."""


class Complexity(Statistic):
    """Size of each image's file under three lossless codecs, in bits.

    Eight times the bytes of the file, headers included, as in Serrà et al. It depends only on the
    image, so all models share the columns. Gray images are encoded as gray, others as RGB.
    """

    columns = ("complexity_png", "complexity_webp", "complexity_jpeg2000")
    requires = None

    def compute(self, images: NDArray[np.uint8], model: object) -> Columns:  # noqa: ARG002
        """Return the columns of gray or RGB images.

        Raises:
            DataError: If the images have neither one channel nor three.
        """
        lengths = file_bits(images)
        return {f"complexity_{codec}": lengths[:, i] for i, codec in enumerate(CODECS)}


def file_bits(images: NDArray[np.uint8], *, processes: int | None = None) -> NDArray[np.float64]:
    """Return the sizes of the images' files in bits, shape `(N, len(CODECS))`.

    Args:
        images: uint8 images `(N, C, H, W)`, gray (C = 1) or RGB (C = 3).
        processes: Number of worker processes; default: by cores and number of images. No value
            depends on it.

    Raises:
        DataError: If the images have neither one channel nor three.
    """
    if images.shape[1] not in (1, 3):
        raise DataError(f"complexity takes gray or RGB images, got {images.shape[1]} channels")
    if processes is None:
        processes = max(1, min(_cores(), len(images) // SHARE))
    if processes == 1:
        return _file_bits(images)
    chunks = (images[start : start + CHUNK] for start in range(0, len(images), CHUNK))
    spawn = get_context("spawn")  # a fork of a process in which torch has threads may hang
    with ProcessPoolExecutor(processes, spawn, initializer=_end_with_parent) as pool:
        with without_main():  # the processes start when work is submitted, which is here
            lengths = pool.map(_file_bits, chunks)
        return np.concatenate(list(lengths))


def encode(image: NDArray[np.uint8], codec: str) -> bytes:
    """Return the lossless file of a gray or RGB image `(C, H, W)`, by a codec of `CODECS`."""
    picture = Image.fromarray(image[0] if len(image) == 1 else image.transpose(1, 2, 0))
    file = io.BytesIO()
    picture.save(file, **CODECS[codec])
    return file.getvalue()


def _file_bits(images: NDArray[np.uint8]) -> NDArray[np.float64]:
    lengths = [[8 * len(encode(image, codec)) for codec in CODECS] for image in images]
    return np.array(lengths, dtype=np.float64)


def _cores() -> int:
    """Return the number of cores that this process may use."""
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _end_with_parent() -> None:
    """End this process when its parent is killed; otherwise it would wait for ever."""

    def wait() -> None:
        parent = parent_process()
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=wait, daemon=True).start()
