"""The executor `inline`: one cell after the other, in the calling process."""

from collections.abc import Generator

from ood_bench.cells.context import WorkContext
from ood_bench.cells.worker import Worker
from ood_bench.execute.devices import device_named, threads_at_hand
from ood_bench.execute.executor import Executor, Outcome
from ood_bench.execute.finish import finish
from ood_bench.execute.schedule import Schedule
from ood_bench.plan import Plan
from ood_bench.store import Store


class Inline(Executor):
    """Runs cells in the calling process, in the plan's order."""

    def run(self, plan: Plan, store: Store, context: WorkContext) -> Generator[Outcome, None, None]:
        """Yield an outcome for every cell of the plan."""
        worker = Worker(context, store, device=device_named(context.device))
        schedule = Schedule(plan.cells)
        while (cell := schedule.ready()) is not None:
            lost = schedule.lost(cell)
            outcome = schedule.settle(lost or finish(cell, worker, store, context))
            if outcome is not None:
                yield outcome

    def manifest(self, plan: Plan, context: WorkContext) -> dict[str, str]:
        """Return the number of threads."""
        del plan, context
        return {"threads": str(threads_at_hand())}
