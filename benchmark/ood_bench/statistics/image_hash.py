"""Hashes of images: equal for equal pixels, and close for images that look alike."""

import hashlib

import numpy as np
from numpy.typing import NDArray

from ood_bench.detectors import Columns
from ood_bench.statistics import Statistic
from ood_bench.statistics.image_features import chunks, cosines

SIDE = 8
"""Number of frequencies along each side that the perceptual hash uses."""
BITS = SIDE * SIDE - 1
"""Bits of the perceptual hash, which are zero for images of less than 8 pixels per side."""


class ImageHash(Statistic):
    """A hash of each image's pixels, and a perceptual hash, each as two numbers of 32 bits.

    `pixel_hash` is 64 bits of BLAKE2b over the pixels. `perceptual_hash` is computed from the
    mean of the channels: one bit for each of the 8 by 8 lowest frequencies of its cosine
    transform except the mean, set if the coefficient is above their median. It is invariant to
    brightness and contrast, and small changes flip few bits.

    Reference:
        Zauner, Implementation and benchmarking of perceptual image hash functions, 2010.
    """

    columns = (
        "pixel_hash.high",
        "pixel_hash.low",
        "perceptual_hash.high",
        "perceptual_hash.low",
    )
    requires = None

    def compute(self, images: NDArray[np.uint8], model: object) -> Columns:  # noqa: ARG002
        """Return the four columns, whole numbers below 2³²."""
        pixels = _pixel_hashes(images)
        looks = np.concatenate([_perceptual_hashes(chunk) for chunk in chunks(images)])
        halves = [part.astype(np.float64) for h in (pixels, looks) for part in (h >> 32, h & _LOW)]
        return dict(zip(self.columns, halves, strict=True))


_LOW = np.uint64(0xFFFFFFFF)


def joined(columns: Columns, name: str) -> NDArray[np.uint64]:
    """Return a hash of 64 bits from its two columns."""
    high, low = (columns[f"{name}.{half}"].astype(np.uint64) for half in ("high", "low"))
    return high << np.uint64(32) | low


def _pixel_hashes(images: NDArray[np.uint8]) -> NDArray[np.uint64]:
    digests = [hashlib.blake2b(image.tobytes(), digest_size=8).digest() for image in images]
    return np.frombuffer(b"".join(digests), dtype=">u8").astype(np.uint64)


def _perceptual_hashes(images: NDArray[np.uint8]) -> NDArray[np.uint64]:
    count, _, height, width = images.shape
    if min(height, width) < SIDE:
        return np.zeros(count, dtype=np.uint64)
    gray = images.mean(axis=1)
    gray -= gray.mean(axis=(1, 2), keepdims=True)
    low = cosines(height, SIDE) @ gray @ cosines(width, SIDE).T
    low = low.reshape(count, -1)[:, 1:].round(6)  # rounding errors of zero count as zero
    bits = low > np.median(low, axis=1, keepdims=True)
    weights = np.uint64(1) << np.arange(BITS, dtype=np.uint64)
    hashes: NDArray[np.uint64] = np.where(bits, weights, np.uint64(0)).sum(axis=1, dtype=np.uint64)
    return hashes
