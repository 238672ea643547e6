"""Cells one after the other in one process; those that another run works on come last."""

import logging
import time
from collections.abc import Iterator, Sequence

from ood_bench.cells import Cell
from ood_bench.cells.context import WorkContext
from ood_bench.cells.worker import Worker
from ood_bench.execute.executor import Outcome
from ood_bench.execute.finish import finish
from ood_bench.execute.schedule import Schedule
from ood_bench.store import Lock, Store

LOCK_SECONDS = 1.0
"""Time between two looks at locks that others hold."""

log = logging.getLogger(__name__)


def in_turn(
    cells: Sequence[Cell], worker: Worker, store: Store, context: WorkContext
) -> Iterator[Outcome]:
    """Yield the outcome of each cell, in their order, each after those of its inputs.

    A cell that another process works on comes after all that do not need it.

    Args:
        cells: The cells.
        worker: What computes them.
        store: The store.
        context: Its `progress` is called when a cell begins.

    Raises:
        OSError: If the machine refuses to write to the store.
    """
    schedule = Schedule(cells)
    elsewhere = Elsewhere(store)
    while True:
        cell = schedule.ready()
        if cell is None:
            if not elsewhere:
                return
            elsewhere.wait()
            for one in elsewhere.released():
                schedule.give_back(one)
            continue
        lost = schedule.lost(cell)
        if not lost and elsewhere.holds(cell):
            schedule.take(cell)
            continue
        settled = schedule.settle(lost or finish(cell, worker, store, context))
        if settled is not None:
            yield settled


class Elsewhere:
    """Cells that other processes work on, which are looked at again later.

    Args:
        store: The store.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._held: dict[str, tuple[Cell, Lock]] = {}
        self._told: set[str] = set()

    def __bool__(self) -> bool:
        """Return whether there are any."""
        return bool(self._held)

    def holds(self, cell: Cell) -> bool:
        """Return whether another process works on a cell; if so, it is remembered."""
        if self._store.has(cell.key):
            return False
        lock = self._store.lock(cell.key)
        if lock.free():
            return False
        self._held[cell.key] = cell, lock
        return True

    def wait(self) -> None:
        """Wait until the next look at the locks, and say so once for each cell."""
        for cell, _ in self._held.values():
            if cell.key not in self._told:
                self._told.add(cell.key)
                log.warning("waiting for another run that works on %s", cell.name)
        time.sleep(LOCK_SECONDS)

    def released(self) -> list[Cell]:
        """Return the cells that no other process works on any more, and forget them."""
        free = [cell for cell, lock in self._held.values() if lock.free()]
        for cell in free:
            del self._held[cell.key]
            self._store.forget(cell.key)
        return free
