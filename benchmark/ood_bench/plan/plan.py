"""A plan: cells, what is skipped, and which images the cells read."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from ood_bench.cells import Cell
from ood_bench.data import ImagesInfo
from ood_bench.results import Omission


@dataclass(frozen=True)
class DataRead:
    """A data set that the plan reads, with its provenance."""

    name: str
    split: str
    info: ImagesInfo


@dataclass(frozen=True)
class Plan:
    """All cells in topological order, what is skipped, and which data sets are read.

    `uses` says of each detector what it takes beside the model and held-out ID images, `sizes` of
    each model on a shape how large it is, `divisions` of each training split on a shape how many
    images of it serve which end.
    """

    cells: tuple[Cell, ...]
    skips: tuple[Omission, ...] = ()
    data: tuple[DataRead, ...] = ()
    uses: Mapping[str, str] = field(default_factory=dict)
    sizes: Mapping[str, str] = field(default_factory=dict)
    divisions: Mapping[str, str] = field(default_factory=dict)
