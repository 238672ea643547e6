"""A plan: its cells, skips and data sets."""

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
    """All cells in topological order, the skips, and the data sets that are read.

    `uses` describes what each detector reads beside the model and held-out ID images, `sizes` the
    size of each model on a shape, `divisions` how the images of each training split on a shape
    are divided into parts.
    """

    cells: tuple[Cell, ...]
    skips: tuple[Omission, ...] = ()
    data: tuple[DataRead, ...] = ()
    uses: Mapping[str, str] = field(default_factory=dict)
    sizes: Mapping[str, str] = field(default_factory=dict)
    divisions: Mapping[str, str] = field(default_factory=dict)
