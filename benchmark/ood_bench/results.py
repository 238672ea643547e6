"""What a run found, as values: all that a claim or a report reads."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import pandas as pd

Metric = Literal[
    "auroc",
    "aupr_out",
    "aupr_in",
    "fpr95",
    "detection_error",
    "bpd_inside",
    "bpd_outside",
    "bpd_train",
]


@dataclass(frozen=True)
class Row:
    """One measured value; the columns of `report --format csv`, in this order.

    `seed` is a number as text, or `all` for the pooled row. `low` and `high` bound an interval,
    of 95 % unless the suite says otherwise. `detector` is empty for bits per dimension,
    `outside` for the inside's own.
    """

    suite: str
    model: str
    inside: str
    outside: str
    detector: str
    seed: str
    metric: Metric
    value: float
    low: float
    high: float
    n_inside: int
    n_outside: int
    transform: str
    note: str


@dataclass(frozen=True)
class FindingRow:
    """One number that an analysis found; the columns of `tables/findings.csv`, in this order.

    `seed` is a number as text, or `all` for the pooled row. `outside` is empty for what is of
    the inside alone.
    """

    suite: str
    analysis: str
    model: str
    inside: str
    outside: str
    seed: str
    name: str
    value: float
    low: float
    high: float


@dataclass(frozen=True)
class DataCard:
    """Where a data set's images came from and what was done to them."""

    name: str
    title: str
    split: str
    count: int
    shape: str
    source: str
    transform: str
    licence: str
    citation: str
    digest: str
    note: str


@dataclass(frozen=True)
class TrainingCard:
    """How one model was trained; a classifier has an accuracy in place of bits per dimension.

    `divergences` lists (step, new learning rate); `probe_seconds` of `seconds` went into the
    probes of the training course.
    """

    model: str
    plugin: str
    inside: str
    seed: int
    parameters: int
    steps: int
    images: int
    seconds: float
    images_per_second: float
    bpd_validation: float | None
    precision: str
    device: str
    divergences: tuple[tuple[int, float], ...]
    probe_seconds: float = 0.0
    accuracy_validation: float | None = None


@dataclass(frozen=True)
class Omission:
    """A planned skip, with its reason, or a failure, with its one-line message.

    The names say which rows are absent for it, so that a table can show them as "–" and a
    claim can give the reason; an empty one stands for all, and all empty for no row.
    """

    cell: str
    reason: str
    model: str = ""
    inside: str = ""
    outside: str = ""
    detector: str = ""


@dataclass(frozen=True)
class AnalysisTable:
    """The finished table of one analysis of one model on one inside data set.

    `digest` stands for the stored table and the analysis's options; empty if it was not stored.
    """

    analysis: str
    model: str
    inside: str
    seed: int
    table: "pd.DataFrame"
    digest: str = ""


Verdict = Literal["reproduced", "not reproduced", "not run"]


@dataclass(frozen=True)
class Beside:
    """A figure that helps to judge a claim; without one, `note` says why."""

    says: str
    measured: float | None
    low: float | None
    high: float | None
    note: str = ""


@dataclass(frozen=True)
class ClaimResult:
    """A claim with what was measured; the columns of the report's first table."""

    id: str
    says: str
    source: str
    expects: str
    measured: float | None
    low: float | None
    high: float | None
    quoted: str
    verdict: Verdict
    note: str
    measure: str = ""
    beside: tuple[Beside, ...] = ()


@dataclass(frozen=True)
class Difference:
    """AUROC of a detector less that of the baseline on the same images, pooled over seeds.

    `p` is that of no difference, two-sided; `p_holm` the same with Holm's correction for all
    differences of the run.
    """

    model: str
    inside: str
    outside: str
    detector: str
    value: float
    low: float
    high: float
    p: float
    p_holm: float


@dataclass(frozen=True)
class Cost:
    """Milliseconds an image that a detector's columns and scores took, training left out."""

    model: str
    inside: str
    outside: str
    detector: str
    milliseconds: float


@dataclass(frozen=True)
class Quotation:
    """AUROC as the literature has it; several values where it disagrees."""

    detector: str
    inside: str
    outside: str
    auroc: tuple[float, ...]
    source: str


@dataclass(frozen=True)
class Comparison:
    """All detectors of a run beside one of them.

    `uses` says of each detector what it takes beside the model and held-out ID images.
    """

    baseline: str
    uses: Mapping[str, str]
    differences: tuple[Difference, ...]
    costs: tuple[Cost, ...]
    quotations: tuple[Quotation, ...]


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


@dataclass(frozen=True)
class Results:
    """One run of one suite; `level` is the coverage of every interval."""

    suite: str
    title: str
    rows: tuple[Row, ...]
    claims: tuple[ClaimResult, ...]
    data: tuple[DataCard, ...]
    training: tuple[TrainingCard, ...]
    analyses: tuple[AnalysisTable, ...]
    findings: tuple[FindingRow, ...]
    skips: tuple[Omission, ...]
    failures: tuple[Omission, ...]
    notes: tuple[str, ...]
    manifest: Mapping[str, str] = field(default_factory=dict)
    about: str = ""
    level: float = 0.95
    comparison: Comparison | None = None
    audit: Audit | None = None


@dataclass(frozen=True)
class VersusRow:
    """AUROC of one detector on one pair in one run; the columns of `compare.csv`, in this order.

    `value`, `low`, `high` are those of the run's own report, pooled over seeds. `difference` is
    this run's AUROC less the first run's on the same images (paired DeLong, pooled over the
    seeds that both have), with its interval, two-sided p-value and the same with Holm's
    correction for all differences of the comparison; None where it cannot be had, and `note`
    says why.
    """

    model: str
    inside: str
    outside: str
    detector: str
    run: str
    value: float
    low: float
    high: float
    n_inside: int
    n_outside: int
    difference: float | None = None
    difference_low: float | None = None
    difference_high: float | None = None
    p: float | None = None
    p_holm: float | None = None
    note: str = ""


@dataclass(frozen=True)
class VersusClaim:
    """What one run has to say about a claim."""

    id: str
    says: str
    run: str
    verdict: str
    measured: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Versus:
    """Runs side by side, all compared with the first.

    Attributes:
        runs: Their names.
        level: Coverage of the differences' intervals, that of the first run.
        rows: All detectors on all pairs that the first and another run have measured.
        claims: The claims of all runs, those of the same id and text together.
        notes: What must be said above the tables.
    """

    runs: tuple[str, ...]
    level: float
    rows: tuple[VersusRow, ...]
    claims: tuple[VersusClaim, ...]
    notes: tuple[str, ...]
