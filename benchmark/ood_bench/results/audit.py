"""What the images alone tell, as values."""

from dataclasses import dataclass

TRIVIAL = 0.9
"""An AUROC of one number of the images alone, or one minus it, from which a pair is marked."""


@dataclass(frozen=True)
class DataAudit:
    """One data set's test images as the models see them, after the transform.

    Attributes:
        name: The data set.
        shape: As in `DataCard`.
        count: Its images.
        channel_means: Mean of each channel over all images and pixels, on the scale of 0 to 255.
        channel_variances: Variance of each channel, likewise over all images and pixels.
        image_variance: Mean over images of each one's variance over pixels and channels.
        values: Values of 0 to 255 that occur anywhere in the set.
        image_values: Mean over images of how many occur in one.
        high_frequency: Mean over images of the share of variance at upper-half frequencies.
        png_bits: Mean bits of an image's PNG file per dimension, headers included.
        repeated: Images whose pixels are those of an earlier one of the set.
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
    """How well one number of each test image, taken as its score, tells a pair apart.

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
        """Whether the pair can be told apart by this number alone, in either direction."""
        return self.strength >= TRIVIAL


@dataclass(frozen=True)
class Overlap:
    """How many images of one set lie in another, both after the transform.

    `exact` counts those with the very pixels, `near` those that only look the same: by the
    perceptual hash and the correlation of the pixels (see `ood_bench.audit.duplicates`). It is
    None where that was not asked, or where the images are too small to tell.
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
    """What the images alone tell, whatever the model: read it before any AUROC.

    Attributes:
        data: One entry for each data set in each shape.
        separations: One for each pair and number; the pairs in the order of the run.
        overlaps: Of each pair, outside test images among the inside's test and training
            images; of each inside, test images among its training images.
        distance: Bits in which two perceptual hashes may differ.
        bits: Bits of the hash.
        correlation: Least correlation of the pixels of what counts as near.
    """

    data: tuple[DataAudit, ...]
    separations: tuple[Separation, ...]
    overlaps: tuple[Overlap, ...]
    distance: int
    bits: int
    correlation: float

    def trivial(self, inside: str, outside: str) -> Separation | None:
        """Return the number that tells a pair apart best, if that alone nearly does it.

        None where no number does, or where the pair was not audited.
        """
        found = [
            item
            for item in self.separations
            if (item.inside, item.outside) == (inside, outside) and item.trivial
        ]
        return max(found, key=lambda item: item.strength, default=None)
