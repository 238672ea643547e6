"""A detector's metrics, computed again from its scores."""

from collections.abc import Mapping
from dataclasses import dataclass

from ood_bench.metrics import Measure
from ood_bench.results.run import GROUPED


@dataclass(frozen=True)
class Recomputed:
    """A detector of a model on a pair, computed from the scores and pooled over seeds.

    Attributes:
        model, inside, outside, detector: Their names in the run.
        images: Digests of the inside and the outside test images.
        measures: Value and interval of `auroc` and `fpr95`.
        trainings: The number of trainings in words.
        grouped: Whether the scores are of groups of images.
        untrained: Why a model counts as untrained; empty if it does not.
    """

    model: str
    inside: str
    outside: str
    detector: str
    images: tuple[str, str]
    measures: Mapping[str, Measure]
    trainings: str
    grouped: bool
    untrained: str

    @property
    def note(self) -> str:
        """Why it has no rank among others; empty if it has one."""
        return self.untrained or (f"{GROUPED}images" if self.grouped else "")
