"""Schedule of a plan: which cell can be computed next, with several in progress."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from heapq import heappop, heappush

from ood_bench.cells import Cell
from ood_bench.execute.executor import Failed, Missing, Outcome

_MOST_RETURNS = 3


class Schedule:
    """The cells of a plan without an outcome, handed out in the plan's order.

    Args:
        cells: The plan's cells, each after its inputs.
    """

    def __init__(self, cells: Sequence[Cell]) -> None:
        self._cells = {cell.key: cell for cell in cells}
        self._place = {key: place for place, key in enumerate(self._cells)}
        self._needs = {
            cell.key: {key for key in cell.inputs.values() if key in self._cells} for cell in cells
        }
        self._needed_by: dict[str, list[str]] = defaultdict(list)
        for key, needs in self._needs.items():
            for need in needs:
                self._needed_by[need].append(key)
        self._open = set(self._cells)
        self._taken: set[str] = set()
        self._waits_for = {key: len(needs) for key, needs in self._needs.items()}
        self._ready: dict[bool, list[tuple[int, str]]] = {True: [], False: []}
        self._failed: dict[str, str] = {}
        self._shown: set[str] = set()
        self._returns: Counter[str] = Counter()
        for key in self._cells:
            self._push(key)

    def __bool__(self) -> bool:
        """Return whether any cell has no outcome yet."""
        return bool(self._open)

    def _push(self, key: str) -> None:
        if not self._waits_for[key]:
            heappush(self._ready[self._cells[key].spec.calls_model], (self._place[key], key))

    def ready(self, *, calls_model: bool | None = None) -> Cell | None:
        """Return the first cell not taken whose inputs all have an outcome; None if none.

        Args:
            calls_model: Whether it trains or calls a model; default: either.
        """
        kinds = (True, False) if calls_model is None else (calls_model,)
        first = min((found for kind in kinds if (found := self._first(kind))), default=None)
        return None if first is None else self._cells[first[1]]

    def _first(self, calls_model: bool) -> tuple[int, str] | None:
        ready = self._ready[calls_model]
        while ready:
            _, key = ready[0]
            if key in self._open and key not in self._taken and not self._waits_for[key]:
                return ready[0]
            heappop(ready)
        return None

    def take(self, cell: Cell) -> None:
        """Mark a cell as taken; `ready` does not return it again."""
        self._taken.add(cell.key)

    def give_back(self, cell: Cell) -> None:
        """Undo `take`."""
        self._taken.discard(cell.key)
        self._push(cell.key)

    def lost(self, cell: Cell) -> Failed | None:
        """Return the failure of a cell one of whose inputs failed; None if none did."""
        names = (self._failed[key] for key in cell.inputs.values() if key in self._failed)
        name = next(names, None)
        return None if name is None else Failed(cell, f"needs {name}, which failed")

    def settle(self, outcome: Outcome | Missing) -> Outcome | None:
        """Record an outcome; cells that waited for it may become ready.

        Returns:
            The outcome to be reported. None if there is nothing to report: a cell whose finished
            inputs disappeared waits again while they are recomputed.
        """
        cell = outcome.cell
        if isinstance(outcome, Missing):
            if self._returns[cell.key] < _MOST_RETURNS and self._cells.keys() >= set(outcome.keys):
                self._return(outcome)
                return None
            outcome = Failed(cell, "its inputs were removed or damaged while it was worked on")
        if isinstance(outcome, Failed):
            lost = (self._failed[key] for key in cell.inputs.values() if key in self._failed)
            self._failed[cell.key] = next(lost, cell.name)
        self._open.discard(cell.key)
        self._taken.discard(cell.key)
        for key in self._needed_by[cell.key]:
            if key in self._open:
                self._waits_for[key] -= 1
                self._push(key)
        if cell.key in self._shown and not isinstance(outcome, Failed):
            return None
        self._shown.add(cell.key)
        return outcome

    def _return(self, outcome: Missing) -> None:
        """Put a cell back to wait for inputs that have to be recomputed."""
        for key in outcome.keys:
            if key in self._open:
                continue
            self._open.add(key)
            self._waits_for[key] = len(self._needs[key] & self._open)
            for other in self._needed_by[key]:
                if other in self._open:
                    self._waits_for[other] += 1
            self._push(key)
        key = outcome.cell.key
        self._returns[key] += 1
        self._taken.discard(key)
        self._push(key)
