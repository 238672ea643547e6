"""The audit in a plan: a cell for each data set and for each pair, which no model has part in."""

from collections.abc import Iterable
from typing import Any

from ood_bench.audit import CORRELATION, DISTANCE
from ood_bench.cells import Address, Cell, Part
from ood_bench.core_yaml import Place
from ood_bench.plan.sources import Sources, sized
from ood_bench.plan.trial import Trial

REVISION = 1
PAIR_REVISION = 2


def add_audits(trials: Iterable[Trial], sources: Sources, *, level: float) -> None:
    """Add the audits of all data sets and pairs.

    Args:
        trials: One for each inside data set in a shape, with all that is outside of it.
        sources: Where cells are added.
        level: Coverage of the intervals.
    """
    for trial in trials:
        own = _Images(trial, trial.inside, trial.place, sources)
        own.add_audit()
        for name, place in trial.outside.items():
            outside = _Images(trial, name, place, sources)
            outside.add_audit()
            _add_pair(own, outside, level)


class _Images:
    """A data set in the shape of a trial."""

    def __init__(self, trial: Trial, name: str, place: Place, sources: Sources) -> None:
        self.trial = trial
        self.name = name
        self.place = place
        self.sources = sources
        self.shape = sized(trial.shape)

    def cell(self, statistic: str, split: Part = "test") -> str:
        """Add what a statistic yields on a split and return its key."""
        return self.sources.of_images(statistic, self.trial, self.name, split, self.place).key

    def test(self, prefix: str = "") -> dict[str, str]:
        """Add all that is read of the test images; keys by role."""
        statistics = ("image_features", "image_hash", "complexity")
        return {f"{prefix}{statistic}": self.cell(statistic) for statistic in statistics}

    def digest(self, split: Part = "test") -> str:
        return self.sources.info(self.name, split, self.trial.shape, self.place).digest

    def request(self, split: Part = "test") -> dict[str, Any]:
        return self.sources.request(self.name, split, self.trial.shape)

    def add_audit(self) -> None:
        """Add the audit of the test images."""
        self.sources.add(
            Cell(
                "audit",
                f"audit/{self.shape}/{self.name}",
                {"audits": "set", "revision": REVISION, "data": {"test": self.digest()}},
                self.test("test."),
                {"test": self.request()},
                (Address(inside=self.name, shape=str(self.trial.shape)),),
            )
        )


def _add_pair(own: _Images, outside: _Images, level: float) -> None:
    at = Address(inside=own.name, outside=outside.name, shape=str(own.trial.shape))
    own.sources.add(
        Cell(
            "audit",
            f"audit/{own.shape}/{own.name}/{outside.name}",
            {
                "audits": "pair",
                "revision": PAIR_REVISION,
                "level": level,
                "distance": DISTANCE,
                "correlation": CORRELATION,
                "data": {
                    "inside": own.digest(),
                    "train": own.digest("train"),
                    "outside": outside.digest(),
                },
            },
            {
                **own.test("inside."),
                "train.image_hash": own.cell("image_hash", "train"),
                **outside.test("outside."),
            },
            {
                "inside": own.request(),
                "train": own.request("train"),
                "outside": outside.request(),
            },
            (at,),
        )
    )
