"""The audit in a plan: one cell per data set and per pair, without any model."""

from collections.abc import Container, Iterable

from ood_bench.cells import Address, Cell, Part
from ood_bench.cells.audit import AuditPair, AuditSet
from ood_bench.cells.context import Wanted
from ood_bench.cells.distance import PairDistance
from ood_bench.core_yaml import KeyPath
from ood_bench.plan.sources import Sources, sized
from ood_bench.plan.trial import Trial


def add_audits(
    trials: Iterable[Trial], sources: Sources, *, level: float, labelled: Container[tuple[str, str]]
) -> None:
    """Add the audits of all data sets and pairs.

    Args:
        trials: One trial per inside data set and shape, with all its outside data sets.
        sources: The builder to which cells are added.
        level: Coverage of the intervals.
        labelled: The pairs (inside, outside) whose distance is measured too.
    """
    for trial in trials:
        own = _Images(trial, trial.inside, trial.place, sources)
        own.add_audit()
        for name, place in trial.outside.items():
            outside = _Images(trial, name, place, sources)
            outside.add_audit()
            _add_pair(own, outside, level)
            if (trial.inside, name) in labelled:
                _add_distance(own, outside)


class _Images:
    """A data set in the shape of a trial."""

    def __init__(self, trial: Trial, name: str, place: KeyPath, sources: Sources) -> None:
        self.trial = trial
        self.name = name
        self.place = place
        self.sources = sources

    def cell(self, statistic: str, split: Part = "test") -> str:
        """Add the cell of a statistic on a split and return its key."""
        return self.sources.of_images(statistic, self.trial, self.name, split, self.place).key

    def test(self) -> dict[str, str]:
        """Add all statistics of the test images; return their keys by statistic."""
        statistics = ("image_features", "image_hash", "complexity")
        return {statistic: self.cell(statistic) for statistic in statistics}

    def wanted(self, split: Part = "test") -> Wanted:
        return self.sources.wanted(self.name, split, self.trial.shape, self.place)

    def add_audit(self) -> None:
        """Add the audit of the test images."""
        shape, images = self.trial.shape, {"test": self.wanted()}
        spec = AuditSet(data=_digests(images), test=self.test(), images=images)
        at = Address(inside=self.name, shape=str(shape))
        self.sources.add(Cell(f"audit/{sized(shape)}/{self.name}", spec, (at,)))


def _add_pair(own: _Images, outside: _Images, level: float) -> None:
    shape = own.trial.shape
    images = {"inside": own.wanted(), "train": own.wanted("train"), "outside": outside.wanted()}
    spec = AuditPair(
        data=_digests(images),
        inside=own.test(),
        train={"image_hash": own.cell("image_hash", "train")},
        outside=outside.test(),
        level=level,
        images=images,
    )
    at = Address(inside=own.name, outside=outside.name, shape=str(shape))
    own.sources.add(Cell(f"audit/{sized(shape)}/{own.name}/{outside.name}", spec, (at,)))


def _add_distance(own: _Images, outside: _Images) -> None:
    shape = own.trial.shape
    images = {"inside": own.wanted(), "train": own.wanted("train"), "outside": outside.wanted()}
    spec = PairDistance(data=_digests(images), images=images)
    at = Address(inside=own.name, outside=outside.name, shape=str(shape))
    called = f"audit/{sized(shape)}/{own.name}/{outside.name}/distance"
    own.sources.add(Cell(called, spec, (at,)))


def _digests(images: dict[str, Wanted]) -> dict[str, str]:
    return {side: wanted.digest for side, wanted in images.items()}
