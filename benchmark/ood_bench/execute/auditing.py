"""The work of an audit's cell: images and their columns to a few numbers."""

from typing import Any

from ood_bench.audit import Audited, audit_pair, summarise
from ood_bench.cells import Cell
from ood_bench.detectors import Columns
from ood_bench.execute.bench import Bench
from ood_bench.store import Store


def audit(cell: Cell, bench: Bench, store: Store) -> dict[str, Any]:
    """Return what the audit of a set or of a pair found, as JSON."""
    sides = {side: _audited(cell, side, bench, store) for side in cell.options["data"]}
    if cell.options["audits"] == "set":
        return summarise(sides["test"])._asdict()
    return audit_pair(**sides, level=cell.options["level"])._asdict()


def _audited(cell: Cell, side: str, bench: Bench, store: Store) -> Audited:
    columns: Columns = {}
    for role, key in cell.inputs.items():
        if role.startswith(f"{side}."):
            columns = {**columns, **store.read_columns(key)}
    return Audited(bench.images(cell.request[side], cell.options["data"][side]).pixels, columns)
