"""Results of the audit, as values: what separates data sets without any model."""

from dataclasses import dataclass

TRIVIAL = 0.9
"""A pair is marked if one number per image has at least this AUROC, or one minus it."""


@dataclass(frozen=True)
class DataAudit:
    """One data set's test images as the models see them, after the transform.

    Attributes:
        name: The data set.
        shape: As in `DataCard`.
        count: Number of images.
        channel_means: Mean of each channel over all images and pixels, on the scale of 0 to 255.
        channel_variances: Variance of each channel, likewise over all images and pixels.
        image_variance: Mean over images of each one's variance over pixels and channels.
        values: Number of distinct pixel values, of 0 to 255, in the whole set.
        image_values: Mean number of distinct pixel values per image.
        high_frequency: Mean over images of the share of variance in the upper half of frequencies.
        png_bits: Mean size of an image's PNG file in bits per dimension, headers included.
        repeated: Number of images that are identical to an earlier one of the set.
    """

    name: str
    shape: str
    count: int
    channel_means: tuple[float, ...]
    channel_variances: tuple[float, ...]
    image_variance: float
    values: int
    image_values: float
    high_frequency: float
    png_bits: float
    repeated: int


@dataclass(frozen=True)
class Separation:
    """How well one number per test image, taken as its score, separates a pair.

    `value` is its AUROC (larger number, more out of distribution; never flipped), `low` and
    `high` DeLong's interval.
    """

    inside: str
    outside: str
    shape: str
    feature: str
    value: float
    low: float
    high: float
    n_inside: int
    n_outside: int

    @property
    def strength(self) -> float:
        """How well the number separates the pair when either direction is allowed."""
        return max(self.value, 1.0 - self.value)

    @property
    def trivial(self) -> bool:
        """Whether this number alone separates the pair, in either direction."""
        return self.strength >= TRIVIAL


@dataclass(frozen=True)
class Overlap:
    """Number of images that two sets share, both after the transform.

    `exact` counts identical images, `near` near-duplicates, by perceptual hash and correlation of
    the pixels (see `ood_bench.audit.duplicates`). `near` is None if it was not computed, or if
    the images are too small for it.
    """

    data: str
    split: str
    count: int
    other: str
    other_split: str
    other_count: int
    shape: str
    exact: int
    near: int | None


@dataclass(frozen=True)
class Audit:
    """The audit: what separates data sets without any model. Read it before any AUROC.

    Attributes:
        data: One entry per data set and shape.
        separations: One entry per pair and number, with pairs in the order of the run.
        overlaps: For each pair, outside test images among the inside's test and training images;
            for each inside, test images among its training images.
        distance: Maximum Hamming distance of the perceptual hashes of near-duplicates.
        bits: Bits of the hash.
        correlation: Minimum correlation of the pixels of near-duplicates.
    """

    data: tuple[DataAudit, ...]
    separations: tuple[Separation, ...]
    overlaps: tuple[Overlap, ...]
    distance: int
    bits: int
    correlation: float

    def trivial(self, inside: str, outside: str) -> Separation | None:
        """Return the number that separates a pair best, if it does so nearly perfectly.

        None if no number does, or if the pair was not audited.
        """
        found = [
            item
            for item in self.separations
            if (item.inside, item.outside) == (inside, outside) and item.trivial
        ]
        return max(found, key=lambda item: item.strength, default=None)
