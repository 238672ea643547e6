"""Cells, and what a report will read from them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from ood_bench.data import ImagesInfo
from ood_bench.hashing import digest

CellKind = Literal["train", "score", "detect", "metric", "analysis", "audit"]
Part = Literal["train", "held_out", "test"]


@dataclass(frozen=True)
class Cell:
    """One unit of work.

    Attributes:
        kind: What is done.
        name: What users call it, for messages and for `--only` and `--skip`.
        options: All that its result depends on beside its inputs, as JSON.
        inputs: Keys of the cells that it reads, by role.
        request: How to find what the options name by digest (a data set's name and source),
            as JSON; not part of the key.
        key: Digest of kind, options and inputs.
    """

    kind: CellKind
    name: str
    options: Mapping[str, Any]
    inputs: Mapping[str, str]
    request: Mapping[str, Any] = field(default_factory=dict)
    key: str = field(init=False)

    def __post_init__(self) -> None:
        content = {"kind": self.kind, "options": self.options, "inputs": self.inputs}
        object.__setattr__(self, "key", digest(content))


@dataclass(frozen=True)
class Skip:
    """Work that is left out by plan, and why.

    The names say which rows of the results are absent for it, as in `results.Omission`.
    """

    cell: str
    reason: str
    model: str = ""
    inside: str = ""
    outside: str = ""
    detector: str = ""


@dataclass(frozen=True)
class DetectionRef:
    """Where the metrics of one detector on one pair will lie."""

    model: str
    inside: str
    outside: str
    detector: str
    seed: int
    key: str
    transform: str
    note: str


@dataclass(frozen=True)
class PairingRef:
    """Where the difference of a detector's AUROC and the baseline's on one pair will lie."""

    model: str
    inside: str
    outside: str
    detector: str
    baseline: str
    seed: int
    key: str


@dataclass(frozen=True)
class BpdRef:
    """Where the mean bits per dimension of one data set under one model will lie."""

    model: str
    inside: str
    data: str
    part: Part
    seed: int
    key: str
    transform: str
    note: str


@dataclass(frozen=True)
class TrainingRef:
    """Where one trained model will lie."""

    model: str
    plugin: str
    inside: str
    seed: int
    key: str


@dataclass(frozen=True)
class AnalysisRef:
    """Where the table of one analysis will lie."""

    analysis: str
    plugin: str
    options: Mapping[str, Any]
    model: str
    inside: str
    seed: int
    key: str


@dataclass(frozen=True)
class AuditRef:
    """Where the audit of a data set's test images will lie, or with an outside that of a pair."""

    inside: str
    outside: str | None
    shape: str
    key: str


@dataclass(frozen=True)
class DataRef:
    """A data set that the plan reads, with its provenance."""

    name: str
    split: str
    info: ImagesInfo


@dataclass(frozen=True)
class Plan:
    """All cells in topological order, what is skipped, and where results will lie.

    `uses` says of each detector what it takes beside the model and held-out ID images, `sizes` of
    each model on a shape how large it is, `divisions` of each training split on a shape how many
    images of it serve which end.
    """

    cells: tuple[Cell, ...]
    skips: tuple[Skip, ...]
    detections: tuple[DetectionRef, ...]
    bpds: tuple[BpdRef, ...]
    trainings: tuple[TrainingRef, ...]
    analyses: tuple[AnalysisRef, ...]
    data: tuple[DataRef, ...]
    pairings: tuple[PairingRef, ...] = ()
    uses: Mapping[str, str] = field(default_factory=dict)
    audits: tuple[AuditRef, ...] = ()
    sizes: Mapping[str, str] = field(default_factory=dict)
    divisions: Mapping[str, str] = field(default_factory=dict)

    def address(self, cell: Cell) -> dict[str, str]:
        """Return the names of the rows that a cell fills: those of a detector on a pair."""
        fields = ("model", "inside", "outside", "detector")
        found = (ref for ref in self.detections if ref.key == cell.key)
        return {name: getattr(ref, name) for ref in found for name in fields}
