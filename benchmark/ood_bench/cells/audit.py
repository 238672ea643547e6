"""Cells of the audit of one data set and of a pair; no model takes part."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BaseModel, ConfigDict

from ood_bench.audit import (
    CORRELATION,
    DISTANCE,
    FEATURES,
    Audited,
    Shared,
    Summary,
    audit_pair,
    summarise,
)
from ood_bench.cells.columns import columns_of
from ood_bench.cells.context import Wanted
from ood_bench.cells.spec import Beside, Inputs, Spec
from ood_bench.cells.tables import write_json
from ood_bench.errors import StoreError
from ood_bench.metrics import Measure
from ood_bench.typed import Count

if TYPE_CHECKING:
    from ood_bench.cells.finished import Cells
    from ood_bench.cells.worker import Task

AUDIT = "audit.json"


@dataclass(frozen=True, kw_only=True)
class AuditSet(Spec):
    """The audit of the test images of a data set.

    Attributes:
        data: Digest of the test images, under `test`.
        test: Their columns, by statistic.
        images: The images, under `test`.
        revision: Raised when the computation changes.
    """

    kind = family = "audit"
    constant = (("audits", "set"),)
    files = frozenset({AUDIT})

    data: Mapping[str, str]
    test: Inputs
    images: Annotated[Mapping[str, Wanted], Beside] = field(default_factory=dict)
    revision: int = 1

    def work(self, task: "Task") -> None:
        """Summarise the images."""
        found = summarise(_audited(task, self.images["test"], self.test))
        write_json(task.folder / AUDIT, found._asdict())

    @staticmethod
    def read(store: "Cells", key: str) -> Summary:
        """Return the result of a finished cell."""
        return store.read_typed(key, AUDIT, Summary)


@dataclass(frozen=True, kw_only=True)
class AuditPair(Spec):
    """The audit of an inside and an outside data set.

    Attributes:
        data: Digests of the images by side: `inside` and `outside` are test images, `train` the
            training images.
        inside: Columns of the inside test images, by statistic.
        outside: Columns of the outside test images, by statistic.
        train: Hashes of the training images.
        level: Coverage of the intervals.
        distance: Two images match if their hashes differ in at most this many bits ...
        correlation: ... and their pixels correlate at least this much.
        images: The images, by side.
        revision: Raised when the computation changes.
    """

    kind = family = "audit"
    constant = (("audits", "pair"),)
    files = frozenset({AUDIT})

    data: Mapping[str, str]
    inside: Inputs
    outside: Inputs
    train: Inputs
    level: float
    distance: int = DISTANCE
    correlation: float = CORRELATION
    images: Annotated[Mapping[str, Wanted], Beside] = field(default_factory=dict)
    revision: int = 2

    def work(self, task: "Task") -> None:
        """Measure what separates the images and which images both sets share."""
        sides = {"inside": self.inside, "train": self.train, "outside": self.outside}
        found = {side: _audited(task, self.images[side], one) for side, one in sides.items()}
        write_json(task.folder / AUDIT, audit_pair(**found, level=self.level)._asdict())

    @staticmethod
    def read(store: "Cells", key: str) -> "PairFound":
        """Return the result of a finished cell."""
        found = store.read_typed(key, AUDIT, PairFound)
        if lacking := found.lacking():
            raise StoreError(f"{store.location(key, AUDIT)} is damaged: no {lacking[0]}")
        return found


def _audited(task: "Task", wanted: Wanted, inputs: Mapping[str, str]) -> Audited:
    worker = task.worker
    return Audited(worker.context.images(wanted).pixels, columns_of(worker.store, inputs))


class PairFound(BaseModel):
    """Content of the `audit.json` of a pair; the fields of `audit.PairAudit`."""

    model_config = ConfigDict(frozen=True)

    counts: Mapping[Literal["inside", "outside", "train"], Count]
    separations: Mapping[str, Measure]
    test: Shared
    train: Shared | None
    inside: Shared | None

    def lacking(self) -> list[str]:
        """Return the names of missing entries."""
        sides = {"inside", "outside"} if self.train is None else {"inside", "outside", "train"}
        return sorted({*FEATURES} - {*self.separations}) + sorted(sides - {*self.counts})
