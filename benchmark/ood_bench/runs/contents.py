"""What the files of cells hold that results are made of."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator

from ood_bench.audit import FEATURES, Shared
from ood_bench.metrics import Measure
from ood_bench.results import Metric
from ood_bench.typed import Count

ROUNDING = 1e-6


class _Content(BaseModel):
    model_config = ConfigDict(frozen=True)


class Circumstances(_Content):
    """Of `circumstances.json`, the time that a cell took, as text."""

    seconds: Annotated[str, StringConstraints(pattern=r"^[0-9]{1,12}(\.[0-9]{1,9})?$")]


class Detected(_Content):
    """The `metrics.json` of a detector on a pair."""

    measures: Mapping[Metric, Measure]
    n_inside: Count
    n_outside: Count

    @field_validator("measures")
    @classmethod
    def _are_shares(cls, measures: Mapping[Metric, Measure]) -> Mapping[Metric, Measure]:
        """Refuse what lies outside [0, 1] by more than rounding."""
        for name, measure in measures.items():
            if not all(-ROUNDING <= value <= 1 + ROUNDING for value in measure):
                raise ValueError(f"{name} is a share, and {measure} does not lie between 0 and 1")
        return measures


class Bits(_Content):
    """The `metrics.json` of a data set's bits per dimension."""

    measures: Mapping[Literal["bpd"], Measure] = Field(min_length=1)
    n: Count


class Paired(_Content):
    """The `metrics.json` of a detector's difference from the baseline."""

    measures: Mapping[Literal["auroc_difference"], Measure] = Field(min_length=1)


class Found(_Content):
    """One of `findings.json`."""

    name: str
    value: float
    low: float
    high: float
    outside: str = ""
    note: str = ""


class PairFound(_Content):
    """The `audit.json` of a pair; as `audit.PairAudit`."""

    counts: Mapping[Literal["inside", "outside", "train"], Count]
    separations: Mapping[str, Measure]
    test: Shared
    train: Shared | None
    inside: Shared | None

    def lacking(self) -> list[str]:
        """Return the names of what is missing in it."""
        sides = {"inside", "outside"} if self.train is None else {"inside", "outside", "train"}
        return sorted({*FEATURES} - {*self.separations}) + sorted(sides - {*self.counts})
