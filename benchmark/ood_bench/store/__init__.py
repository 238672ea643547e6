"""The store: finished cells on disk, and locks on unfinished ones."""

from ood_bench.cells.tables import write_columns, write_table
from ood_bench.store.folder import Store
from ood_bench.store.lock import Lock

__all__ = ["Lock", "Store", "write_columns", "write_table"]
