"""What a run found, as values: all that a claim or a report reads."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from ood_bench.metrics.spec import MetricSpec
from ood_bench.metrics.standard import SPECS, StandardMetric
from ood_bench.results.audit import Audit
from ood_bench.results.trainings import judged

if TYPE_CHECKING:
    import pandas as pd

Metric = Literal[StandardMetric, "bpd_inside", "bpd_outside", "bpd_train"]
"""The metrics of every run; a suite may add others, by names of its own."""


@dataclass(frozen=True)
class Row:
    """One measured value; the columns of `report --format csv`, in this order.

    `seed` is a number as text, or `all` for the pooled row. `low` and `high` bound an interval,
    of 95 % unless the suite says otherwise; where `note` says "one training", it covers the
    choice of images alone. `detector` is empty for bits per dimension,
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


@dataclass(frozen=True)
class FindingRow:
    """One number that an analysis found; the columns of `tables/findings.csv`, in this order.

    `seed` is a number as text, or `all` for the pooled row. `outside` is empty for what is of
    the inside alone. `trainings` says how many the number is of; of one, the interval covers the
    choice of images alone.
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

    `bpd_noise` is of uniformly random images, and `bpd_histogram` of the validation images under
    one histogram a channel of the training images; None for a classifier, and of trainings kept
    from before these were measured.

    `divergences` lists (step, new learning rate); `probe_seconds` of `seconds` went into the
    probes of the training course. Of a model of the zoo, `zoo` is its name there, and
    `published` the bits per dimension that `published_in` has for such a model.
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
class RelatedMeasure:
    """A figure that helps to judge a claim; without one, `note` says why."""

    says: str
    measured: float | None
    low: float | None
    high: float | None
    note: str = ""


@dataclass(frozen=True)
class ClaimResult:
    """A claim with what was measured; the columns of the report's first table.

    `interval` says by which rule the interval was made, see `claims.joint.spread`, and
    `trainings` of how many trainings the term is that has fewest: of one, interval and verdict
    are about that trained model and the choice of images.
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
        """The verdict with the trainings that it is about."""
        return judged(self.verdict, self.trainings)


@dataclass(frozen=True)
class Difference:
    """AUROC of a detector less that of the baseline on the same images, pooled over seeds.

    `p` is that of no difference, two-sided; `p_holm` the same with Holm's correction for all
    differences of the run. `trainings` says how many it is of; of one, interval and p-values
    are about these trained models and the choice of images.
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
class Ranking:
    """All detectors of a run beside one of them.

    `uses` says of each detector what it takes beside the model and held-out ID images.
    """

    baseline: str
    uses: Mapping[str, str]
    differences: tuple[Difference, ...]
    costs: tuple[Cost, ...]
    quotations: tuple[Quotation, ...]


@dataclass(frozen=True)
class Results:
    """One run of one suite; `level` is the coverage of every interval.

    `former_intervals` tells of intervals of detectors that an earlier version has computed, and
    `metrics` how each detection metric reads, in the order of rows and columns.
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
