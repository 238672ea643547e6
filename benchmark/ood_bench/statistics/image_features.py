"""Image features: one-number summaries of an image, without any model."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from ood_bench.detectors import Columns
from ood_bench.statistics import Statistic

CHUNK = 1 << 21
"""Values (pixels times channels) processed at a time."""


class ImageFeatures(Statistic):
    """Mean, variance, share of high frequencies and number of distinct values of each image.

    `image_mean` and `image_variance` are over all pixels and channels, on the scale of 0 to 255.
    `image_high_frequency` is the share of the variance within channels that lies at upper-half
    frequencies: coefficients of the orthonormal cosine transform (DCT-II) whose index along the
    height or the width is at least half of that side. White noise has 3/4 of it there, an image
    enlarged to twice its size almost none, and a constant image counts as 0.
    `image_unique_values` counts the values of 0 to 255 that occur in any channel: at most 256.
    """

    columns = ("image_mean", "image_variance", "image_high_frequency", "image_unique_values")
    requires = None

    def compute(self, images: NDArray[np.uint8], model: object) -> Columns:  # noqa: ARG002
        """Return the four columns."""
        parts = [np.stack(_features(chunk)) for chunk in chunks(images)]
        return dict(zip(self.columns, np.concatenate(parts, axis=1), strict=True))


def chunks(images: NDArray[np.uint8]) -> Iterator[NDArray[np.uint8]]:
    """Yield the images in parts that fit a cache."""
    size = max(1, CHUNK // images[0].size)
    for start in range(0, len(images), size):
        yield images[start : start + size]


def cosines(size: int, count: int) -> NDArray[np.float64]:
    """Return the first rows of the orthonormal DCT-II of a length, shape `(count, size)`."""
    k, n = np.arange(count)[:, None], np.arange(size)
    rows: NDArray[np.float64] = np.cos(np.pi * k * (2 * n + 1) / (2 * size)) * np.sqrt(2 / size)
    rows[0] = np.sqrt(1 / size)
    return rows


def _features(images: NDArray[np.uint8]) -> tuple[NDArray[np.float64], ...]:
    count, _, height, width = images.shape
    x = images.astype(np.float64)
    flat = x.reshape(count, -1)
    mean = flat.mean(axis=1)
    variance = np.square(flat).mean(axis=1) - np.square(mean)
    x -= x.mean(axis=(2, 3), keepdims=True)
    whole = np.square(x).sum(axis=(1, 2, 3))
    rows = cosines(height, (height + 1) // 2) @ x @ cosines(width, (width + 1) // 2).T
    low = np.square(rows).sum(axis=(1, 2, 3))
    high = np.divide(whole - low, whole, out=np.zeros(count), where=whole > 0)
    return mean, np.maximum(variance, 0.0), np.clip(high, 0.0, 1.0), _distinct(images)


def _distinct(images: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return the number of distinct values in each image."""
    seen = np.zeros((len(images), 256), dtype=np.bool_)
    seen[np.arange(len(images))[:, None], images.reshape(len(images), -1)] = True
    counts: NDArray[np.int64] = seen.sum(axis=1)
    return counts.astype(np.float64)
