"""Which cell of a plan can be worked on next, when several are in work at a time."""

from collections.abc import Sequence

from ood_bench.execute.executor import Failed, Outcome
from ood_bench.plan import Cell


class Schedule:
    """The cells of a plan that have no outcome yet, handed out in its order.

    Args:
        cells: The plan's cells, each after its inputs.
    """

    def __init__(self, cells: Sequence[Cell]) -> None:
        self._open = {cell.key: cell for cell in cells}
        self._waiting = dict(self._open)
        self._failed: dict[str, str] = {}

    def __bool__(self) -> bool:
        """Tell whether a cell has no outcome yet."""
        return bool(self._open)

    def ready(self) -> Cell | None:
        """Return the first cell that nobody has taken and whose inputs all have an outcome."""
        for cell in self._waiting.values():
            if not any(key in self._open for key in cell.inputs.values()):
                return cell
        return None

    def take(self, cell: Cell) -> None:
        """Hand out a cell; it is not ready a second time."""
        del self._waiting[cell.key]

    def lost(self, cell: Cell) -> Failed | None:
        """Return the outcome of a cell that cannot be finished, since one of its inputs failed."""
        names = (self._failed[key] for key in cell.inputs.values() if key in self._failed)
        name = next(names, None)
        return None if name is None else Failed(cell, f"needs {name}, which failed")

    def settle(self, outcome: Outcome) -> Outcome:
        """Take note of an outcome and return it; cells that waited for it may become ready."""
        cell = outcome.cell
        if isinstance(outcome, Failed):
            lost = (self._failed[key] for key in cell.inputs.values() if key in self._failed)
            self._failed[cell.key] = next(lost, cell.name)
        del self._open[cell.key]
        self._waiting.pop(cell.key, None)
        return outcome
