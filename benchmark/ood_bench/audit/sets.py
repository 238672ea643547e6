"""Audit of one data set: summary statistics of its images."""

from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ood_bench.audit.duplicates import repeated
from ood_bench.detectors import Columns
from ood_bench.statistics import Statistic
from ood_bench.statistics.complexity import Complexity
from ood_bench.statistics.image_features import ImageFeatures
from ood_bench.statistics.image_hash import ImageHash

FEATURES = {
    "mean": "image_mean",
    "variance": "image_variance",
    "high frequency": "image_high_frequency",
    "unique values": "image_unique_values",
    "PNG bits": "complexity_png",
}
"""Columns of the numbers per image that are tested as scores, by their names in reports."""


Pixels: TypeAlias = NDArray[np.uint8]
"""uint8 images, shape `(N, C, H, W)`."""


class Audited(NamedTuple):
    """A set's images with their columns of `image_features`, `image_hash` and `complexity`.

    Training images have only the columns of `image_hash`.
    """

    pixels: NDArray[np.uint8]
    columns: Columns

    @classmethod
    def of(cls, pixels: NDArray[np.uint8]) -> "Audited":
        """Return images with all their columns."""
        statistics: tuple[Statistic, ...] = (ImageFeatures(), ImageHash(), Complexity())
        found = [statistic.compute(pixels, None) for statistic in statistics]
        return cls(pixels, {name: values for part in found for name, values in part.items()})

    @classmethod
    def hashed(cls, pixels: NDArray[np.uint8]) -> "Audited":
        """Return training images with their hashes only."""
        return cls(pixels, ImageHash().compute(pixels, None))


class Summary(NamedTuple):
    """The fields of `results.DataAudit` that are measured; see there."""

    images: int
    channel_means: tuple[float, ...]
    channel_variances: tuple[float, ...]
    image_variance: float
    values: int
    image_values: float
    high_frequency: float
    png_bits: float
    repeated: int


def summarise(images: Audited) -> Summary:
    """Return a set's summary."""
    pixels, columns = images
    count, channels, height, width = pixels.shape
    histograms = np.stack(
        [np.bincount(pixels[:, channel].ravel(), minlength=256) for channel in range(channels)]
    )
    values, pixels_of_channel = np.arange(256), count * height * width
    means = histograms @ values / pixels_of_channel
    variances = histograms @ values**2 / pixels_of_channel - means**2
    return Summary(
        images=count,
        channel_means=tuple(map(float, means)),
        channel_variances=tuple(map(float, variances)),
        image_variance=float(columns["image_variance"].mean()),
        values=int(histograms.any(axis=0).sum()),
        image_values=float(columns["image_unique_values"].mean()),
        high_frequency=float(columns["image_high_frequency"].mean()),
        png_bits=float(columns["complexity_png"].mean()) / (channels * height * width),
        repeated=repeated(columns),
    )


def features_of(columns: Columns) -> Columns:
    """Return the numbers to test as scores, by their names in reports."""
    return {name: columns[column] for name, column in FEATURES.items()}
