"""One cell, from whatever state it is in to finished or failed."""

import json
import time
import traceback

from ood_bench.errors import DataError, OodBenchError, PluginError, SuiteError
from ood_bench.execute.bench import Bench, Step
from ood_bench.execute.circumstances import circumstances
from ood_bench.execute.executor import Done, Failed, Outcome
from ood_bench.execute.work import Worker
from ood_bench.plan import Cell
from ood_bench.store import Store


def finish(cell: Cell, worker: Worker, store: Store, bench: Bench) -> Outcome:
    """Work on a cell under its lock, unless it is stored or becomes so meanwhile.

    Args:
        cell: The cell; its inputs are finished.
        worker: Does the work.
        store: Where the result goes.
        bench: Is told that the work begins.
    """
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
