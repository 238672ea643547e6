"""Results of a run as values: the input of claims and reports."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from ood_bench.metrics.spec import MetricSpec
from ood_bench.metrics.standard import SPECS, StandardMetric
from ood_bench.results.audit import Audit
from ood_bench.results.categories import Category, CategoryMean, Corrupted, Nearness
from ood_bench.results.trainings import verdict_in_words
from ood_bench.statistics.passes import Passes

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

Metric = Literal[StandardMetric, "bpd_inside", "bpd_outside", "bpd_train"]
"""The metrics of every run; a suite may add others under its own names."""


GROUPED = "scores of groups of "
"""Beginning of the remark on a detector of groups of images in the note of a row."""


@dataclass(frozen=True)
class Row:
    """One measured value; the columns of `report --format csv`, in this order.

    `seed` is a number as text, or `all` for the pooled row. `low` and `high` bound an interval,
    whose coverage the suite sets (default: 95 %); where `note` says "one training", it covers
    only the choice of images. `detector` is empty for bits per dimension,
    `outside` for the inside's own.
    """

    suite: str
    model: str
    inside: str
    outside: str
    detector: str
    seed: str
    metric: str
    value: float
    low: float
    high: float
    n_inside: int
    n_outside: int
    transform: str
    note: str

    @property
    def grouped(self) -> bool:
        """Whether the scores are of groups of images."""
        return GROUPED in self.note


@dataclass(frozen=True)
class FindingRow:
    """One number that an analysis found; the columns of `tables/findings.csv`, in this order.

    `seed` is a number as text, or `all` for the pooled row. `outside` is empty for findings
    about the inside only. `trainings` states how many trainings the number comes from; for one,
    the interval covers only the choice of images.
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
    trainings: str = ""
    note: str = ""


@dataclass(frozen=True)
class DataCard:
    """The provenance of a data set's images and their transform."""

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
    """How one model was trained; a classifier has an accuracy instead of bits per dimension.

    `bpd_noise` is measured on uniformly random images, and `bpd_histogram` on the validation
    images under one histogram per channel of the training images; None for a classifier and for
    trainings of versions that did not measure them.

    `divergences` lists (step, new learning rate); `probe_seconds` is the part of `seconds` spent
    on probes. For a zoo model, `zoo` is its name there, and `published` the bits per dimension
    of such a model in `published_in`.
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
    bpd_noise: float | None = None
    bpd_histogram: float | None = None
    zoo: str = ""
    published: float | None = None
    published_in: str = ""


@dataclass(frozen=True)
class Omission:
    """A planned skip, with its reason, or a failure, with its one-line message.

    The names state which rows are absent because of it, so that tables can show them as "–" and
    claims can give the reason. An empty name means all; if all are empty, no row is absent.
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

    `make` makes the table, which is kept. `digest` identifies the stored table and the analysis's
    options; empty if it was not stored.
    """

    analysis: str
    model: str
    inside: str
    seed: int
    make: "Callable[[], pd.DataFrame]"
    digest: str = ""

    @cached_property
    def table(self) -> "pd.DataFrame":
        """The table."""
        return self.make()


Verdict = Literal["reproduced", "not reproduced", "not run"]


@dataclass(frozen=True)
class RelatedMeasure:
    """A measure shown beside a claim; if it has no value, `note` says why."""

    says: str
    measured: float | None
    low: float | None
    high: float | None
    note: str = ""


@dataclass(frozen=True)
class ClaimResult:
    """A claim with its measured value; the columns of the report's first table.

    `interval` names the rule of the interval, see `claims.joint.spread`, and `trainings` the
    number of trainings of the term with the fewest: with one, interval and verdict are about
    that trained model and the choice of images.
    """

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
    beside: tuple[RelatedMeasure, ...] = ()
    interval: str = ""
    trainings: str = ""

    @property
    def judged(self) -> str:
        """The verdict, with the number of trainings if it is one."""
        return verdict_in_words(self.verdict, self.trainings)


@dataclass(frozen=True)
class Difference:
    """AUROC of a detector minus that of the baseline on the same images, pooled over seeds.

    `p` is the two-sided p-value of no difference, `p_holm` the same with Holm's correction for
    all differences of the run. `trainings` states how many trainings it comes from; with one,
    interval and p-values are about these trained models and the choice of images.
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
    trainings: str = ""


@dataclass(frozen=True)
class Cost:
    """Milliseconds per image for a detector's columns and scores, without training.

    `passes` are those of an image through networks, for its columns; None if an earlier version
    computed them and did not count.
    """

    model: str
    inside: str
    outside: str
    detector: str
    milliseconds: float
    passes: Passes | None = None


@dataclass(frozen=True)
class PublishedAuroc:
    """Published AUROC of a detector; several values where publications disagree.

    `tuned_on_ood` says whether a setting was chosen on OOD images there; None if not known. `by`
    is who ran it, `authors` or whose re-run it is, and `models` the models that it is shown beside;
    None for all. With a `category`, `outside` is empty, and it is a mean over the category's sets.
    """

    detector: str
    inside: str
    outside: str
    auroc: tuple[float, ...]
    source: str
    tuned_on_ood: bool | None = None
    by: str = ""
    note: str = ""
    models: tuple[str, ...] | None = None
    category: Category | None = None


@dataclass(frozen=True)
class Ranking:
    """The detectors of a run in comparison with its baseline.

    `uses` describes what each detector reads beside the model and held-out ID images.
    """

    baseline: str
    uses: Mapping[str, str]
    differences: tuple[Difference, ...]
    costs: tuple[Cost, ...]
    quotations: tuple[PublishedAuroc, ...]


@dataclass(frozen=True)
class Variant:
    """A model that is one of several which differ in some options.

    Attributes:
        of: The model in the suite that it was made of.
        axes: These options, with its values.
    """

    of: str
    axes: Mapping[str, str | bool | int | float]


@dataclass(frozen=True)
class Results:
    """One run of one suite; `level` is the coverage of every interval.

    `former_intervals` is true if some intervals were computed by an earlier version. `metrics`
    describes each detection metric, in the order of rows and columns. `variants` has the models
    that are variants of one. `not_kept` are figures and tables that were made and that the archive
    leaves out on purpose; nothing measured is missing. `nearness` has the OOD sets with a category,
    and `category_means` the mean AUROCs over them. `corrupted` has the OOD sets that are corrupted
    ID images.
    """

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
    ranking: Ranking | None = None
    audit: Audit | None = None
    former_intervals: bool = False
    metrics: tuple[MetricSpec, ...] = SPECS
    variants: Mapping[str, Variant] = field(default_factory=dict)
    not_kept: tuple[Omission, ...] = ()
    nearness: tuple[Nearness, ...] = ()
    category_means: tuple[CategoryMean, ...] = ()
    corrupted: tuple[Corrupted, ...] = ()
