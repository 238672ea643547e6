"""Cells of metrics: detection on a pair, bits per dimension, difference of two detectors."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from ood_bench.cells.spec import Input, Spec
from ood_bench.cells.tables import write_json
from ood_bench.errors import PluginError
from ood_bench.hashing import seed_for
from ood_bench.metrics import (
    DetectionMetric,
    Measure,
    MetricSpec,
    StandardMetric,
    evaluate,
    mean_bpd,
    paired_delong,
)
from ood_bench.registry import Options, construct
from ood_bench.typed import Count

if TYPE_CHECKING:
    from ood_bench.cells.finished import Cells
    from ood_bench.cells.worker import Task

METRICS = "metrics.json"
ROUNDING = 1e-6


@dataclass(frozen=True, kw_only=True)
class DetectionMetrics(Spec):
    """The detection metrics of a detector on a pair.

    Attributes:
        inside: Scores of the inside data set's test images.
        outside: Scores of the outside data set's test images.
        resamples: Bootstrap resamples.
        level: Coverage of the intervals.
        revision: Revision 1 had normal DeLong and bootstrap intervals.
    """

    kind, family = "detection", "metric"
    constant = (("measures", "detection"),)
    files = frozenset({METRICS})

    inside: Input
    outside: Input
    resamples: int
    level: float
    revision: int = 2

    def work(self, task: "Task") -> None:
        """Compute all metrics."""
        inside, outside = map(task.worker.store.read_scores, (self.inside, self.outside))
        measures = evaluate(
            inside,
            outside,
            seed=seed_for("bootstrap", self.key),
            resamples=self.resamples,
            level=self.level,
        )
        counts = {"n_inside": len(inside), "n_outside": len(outside)}
        write_json(task.folder / METRICS, {**counts, "measures": _listed(measures)})

    @staticmethod
    def read(store: "Cells", key: str) -> "Detected":
        """Return the result of a finished cell."""
        return store.read_typed(key, METRICS, Detected)


@dataclass(frozen=True, kw_only=True)
class AddedMetric(Spec):
    """A metric that the suite adds, of a detector on a pair.

    Attributes:
        plugin: The metric's plugin.
        revision: The plugin's revision.
        options: All its options, defaults filled in.
        inside: Scores of the inside data set's test images.
        outside: Scores of the outside data set's test images.
        resamples: Bootstrap resamples.
        level: Coverage of the interval.
    """

    kind, family = "added", "metric"
    constant = (("measures", "added"),)
    files = frozenset({METRICS})

    plugin: str
    revision: int | str
    options: Options
    inside: Input
    outside: Input
    resamples: int
    level: float

    def work(self, task: "Task") -> None:
        """Compute the metric; store its description for reports without the plugin."""
        store, context = task.worker.store, task.worker.context
        plugin = context.plugin("metrics", self.plugin, self.revision)
        metric: DetectionMetric = construct(plugin, self.plugin, self.options)
        inside, outside = map(store.read_scores, (self.inside, self.outside))
        seed = seed_for("bootstrap", self.key)
        measure = metric(inside, outside, level=self.level, resamples=self.resamples, seed=seed)
        (at, *_) = task.cell.at
        try:
            _require_share(f"'{at.metric}' of '{at.detector}'", measure)
        except ValueError as error:
            raise PluginError(str(error)) from error
        content = {
            "n_inside": len(inside),
            "n_outside": len(outside),
            "measure": list(measure),
            "metric": asdict(metric.described(at.metric)),
        }
        write_json(task.folder / METRICS, content)

    @staticmethod
    def read(store: "Cells", key: str) -> "Added":
        """Return the result of a finished cell."""
        return store.read_typed(key, METRICS, Added)


@dataclass(frozen=True, kw_only=True)
class BitsMetric(Spec):
    """The mean bits per dimension of the images of one part of a data set.

    Attributes:
        columns: Log-likelihoods in nats.
        dims: Dimensions D = C·H·W of an image.
        level: Coverage of the interval.
        revision: Raised when the computation changes.
    """

    kind, family = "bpd", "metric"
    constant = (("measures", "bpd"),)
    files = frozenset({METRICS})

    columns: Input
    dims: int
    level: float
    revision: int = 1

    def work(self, task: "Task") -> None:
        """Compute the mean and its interval."""
        log_prob = task.worker.store.read_columns(self.columns)["log_prob"]
        measures = {"bpd": mean_bpd(log_prob, self.dims, level=self.level)}
        write_json(task.folder / METRICS, {"n": len(log_prob), "measures": _listed(measures)})

    @staticmethod
    def read(store: "Cells", key: str) -> "Bits":
        """Return the result of a finished cell."""
        return store.read_typed(key, METRICS, Bits)


@dataclass(frozen=True, kw_only=True)
class DifferenceMetric(Spec):
    """The AUROC of a detector minus that of the baseline, paired image by image.

    Attributes:
        inside: The detector's scores of the inside data set's test images.
        outside: Its scores of the outside data set's test images.
        baseline_inside: The baseline's scores of the same inside images.
        baseline_outside: The baseline's scores of the same outside images.
        level: Coverage of the interval.
        revision: Raised when the computation changes.
    """

    kind, family = "paired", "metric"
    constant = (("measures", "paired"),)
    files = frozenset({METRICS})

    inside: Input
    outside: Input
    baseline_inside: Input
    baseline_outside: Input
    level: float
    revision: int = 1

    def work(self, task: "Task") -> None:
        """Compute the difference and its interval."""
        scores = task.worker.store.read_scores
        difference = paired_delong(
            (scores(self.inside), scores(self.baseline_inside)),
            (scores(self.outside), scores(self.baseline_outside)),
            level=self.level,
        )
        write_json(task.folder / METRICS, {"measures": _listed({"auroc_difference": difference})})

    @staticmethod
    def read(store: "Cells", key: str) -> Measure:
        """Return the result of a finished cell."""
        return store.read_typed(key, METRICS, Paired).measures["auroc_difference"]


def _listed(measures: Mapping[str, Measure]) -> dict[str, list[float]]:
    return {name: list(measure) for name, measure in measures.items()}


def _require_share(name: str, measure: Measure) -> None:
    """Check that values lie in [0, 1] up to rounding."""
    if not all(-ROUNDING <= value <= 1 + ROUNDING for value in measure):
        raise ValueError(f"{name} is a share, and {measure} does not lie between 0 and 1")


class _Content(BaseModel):
    model_config = ConfigDict(frozen=True)


class Detected(_Content):
    """Content of the `metrics.json` of a detector on a pair."""

    measures: Mapping[StandardMetric, Measure]
    n_inside: Count
    n_outside: Count

    @field_validator("measures")
    @classmethod
    def _are_shares(
        cls, measures: Mapping[StandardMetric, Measure]
    ) -> Mapping[StandardMetric, Measure]:
        """Check that values lie in [0, 1] up to rounding."""
        for name, measure in measures.items():
            _require_share(name, measure)
        return measures


class Added(_Content):
    """Content of the `metrics.json` of an added metric: its value and its description."""

    measure: Measure
    metric: MetricSpec
    n_inside: Count
    n_outside: Count

    @field_validator("measure")
    @classmethod
    def _is_share(cls, measure: Measure) -> Measure:
        _require_share("the metric", measure)
        return measure


class Bits(_Content):
    """Content of the `metrics.json` of a data set's bits per dimension."""

    measures: Mapping[Literal["bpd"], Measure] = Field(min_length=1)
    n: Count


class Paired(_Content):
    """Content of the `metrics.json` of a detector's difference from the baseline."""

    measures: Mapping[Literal["auroc_difference"], Measure] = Field(min_length=1)
