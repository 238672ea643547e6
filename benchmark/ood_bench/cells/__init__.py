"""Cells: units of work with keys and addresses, one file per kind, and finished cells."""

from ood_bench.cells.address import Address, Listed, Part
from ood_bench.cells.analysis import TABLE
from ood_bench.cells.cell import Cell
from ood_bench.cells.detect import SCORES
from ood_bench.cells.finished import MANIFEST, SEAL, CellFiles, Cells, seal
from ood_bench.cells.kinds import KINDS, reported, required
from ood_bench.cells.score import COLUMNS
from ood_bench.cells.spec import Spec
from ood_bench.zoo.layout import WEIGHTS

__all__ = [
    "COLUMNS",
    "KINDS",
    "MANIFEST",
    "SCORES",
    "SEAL",
    "TABLE",
    "WEIGHTS",
    "Address",
    "Cell",
    "CellFiles",
    "Cells",
    "Listed",
    "Part",
    "Spec",
    "reported",
    "required",
    "seal",
]
