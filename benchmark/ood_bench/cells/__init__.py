"""Cells: units of work with keys and addresses, and how finished ones are read."""

from ood_bench.cells.address import Address, Listed, Part
from ood_bench.cells.cell import Cell
from ood_bench.cells.finished import (
    COLUMNS,
    MANIFEST,
    REQUIRED,
    SCORES,
    SEAL,
    TABLE,
    WEIGHTS,
    Cells,
    missing,
    seal,
)

__all__ = [
    "COLUMNS",
    "MANIFEST",
    "REQUIRED",
    "SCORES",
    "SEAL",
    "TABLE",
    "WEIGHTS",
    "Address",
    "Cell",
    "Cells",
    "Listed",
    "Part",
    "missing",
    "seal",
]
