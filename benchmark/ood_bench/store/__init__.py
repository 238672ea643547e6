"""Finished cells on disk, and who works on those that are not finished."""

from ood_bench.cells.tables import write_columns, write_table
from ood_bench.store.folder import Store
from ood_bench.store.lock import Lock

__all__ = ["Lock", "Store", "write_columns", "write_table"]
