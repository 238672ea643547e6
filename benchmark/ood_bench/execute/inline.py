"""The executor of one process: one cell after the other."""

from collections.abc import Generator

from ood_bench.cells.bench import Bench
from ood_bench.cells.worker import Worker
from ood_bench.execute.devices import device_named
from ood_bench.execute.executor import Outcome
from ood_bench.execute.finish import finish
from ood_bench.execute.schedule import Schedule
from ood_bench.plan import Plan
from ood_bench.store import Store


class Inline:
    """Runs cells in the calling process, in the plan's order."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench

    def run(self, plan: Plan, store: Store) -> Generator[Outcome, None, None]:
        """Yield an outcome for every cell of the plan."""
        worker = Worker(self.bench, store, device=device_named(self.bench.device))
        schedule = Schedule(plan.cells)
        while (cell := schedule.ready()) is not None:
            lost = schedule.lost(cell)
            outcome = schedule.settle(lost or finish(cell, worker, store, self.bench))
            if outcome is not None:
                yield outcome
