"""The executor of one process: one cell after the other."""

import json
import time
import traceback
from collections.abc import Iterator

from ood_bench.errors import DataError, OodBenchError, PluginError, SuiteError
from ood_bench.execute.bench import Bench, Step
from ood_bench.execute.circumstances import circumstances
from ood_bench.execute.executor import Done, Failed, Outcome
from ood_bench.execute.work import Worker
from ood_bench.plan import Cell, Plan
from ood_bench.store import Store


class Inline:
    """Runs cells in the calling process, in the plan's order."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench

    def run(self, plan: Plan, store: Store) -> Iterator[Outcome]:
        """Yield an outcome for every cell of the plan."""
        worker = Worker(self.bench, store)
        failed: dict[str, str] = {}
        for cell in plan.cells:
            lost = next((failed[key] for key in cell.inputs.values() if key in failed), None)
            if lost is not None:
                outcome: Outcome = Failed(cell, f"needs {lost}, which failed")
            else:
                outcome = _finish(cell, worker, store, self.bench)
            if isinstance(outcome, Failed):
                failed[cell.key] = lost or cell.name
            yield outcome


def _finish(cell: Cell, worker: Worker, store: Store, bench: Bench) -> Outcome:
    if store.has(cell.key):
        return Done(cell, stored=True, seconds=0.0)
    with store.lock(cell.key):
        if store.has(cell.key):
            return Done(cell, stored=True, seconds=0.0)
        bench.tell(Step(cell))
        began = time.perf_counter()
        try:
            with store.write(cell) as folder:
                worker.work(cell, folder)
                seconds = time.perf_counter() - began
                (folder / "circumstances.json").write_text(
                    json.dumps(circumstances(seconds, worker.device), indent=1)
                )
        except (PluginError, DataError, SuiteError) as error:
            return Failed(cell, str(error), mistake=True)
        except OodBenchError as error:
            return Failed(cell, str(error))
        except Exception as error:  # noqa: BLE001  a cell may run anybody's code
            message = f"{type(error).__name__}: {error}"
            return Failed(cell, " ".join(message.split()), traceback.format_exc())
        return Done(cell, stored=False, seconds=seconds)
