"""The executor `inline`: one cell after the other, in the calling process."""

from collections.abc import Generator

from ood_bench.cells.context import WorkContext
from ood_bench.cells.worker import Worker
from ood_bench.execute.devices import device_named, threads_at_hand
from ood_bench.execute.executor import Executor, Outcome
from ood_bench.execute.in_turn import in_turn
from ood_bench.plan import Plan
from ood_bench.store import Store


class Inline(Executor):
    """Runs cells in the calling process in the plan's order, last those of other runs."""

    def run(self, plan: Plan, store: Store, context: WorkContext) -> Generator[Outcome, None, None]:
        """Yield an outcome for every cell of the plan."""
        worker = Worker(context, store, device=device_named(context.device))
        yield from in_turn(plan.cells, worker, store, context)

    def manifest(self, plan: Plan, context: WorkContext) -> dict[str, str]:
        """Return the number of threads."""
        del plan, context
        return {"threads": str(threads_at_hand())}
