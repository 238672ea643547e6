"""One cell, from whatever state it is in to finished or failed."""

import json
import os
import time
import traceback
from pathlib import Path

from ood_bench.cells import Cell
from ood_bench.cells.context import Step, WorkContext
from ood_bench.cells.finished import CIRCUMSTANCES
from ood_bench.cells.worker import Worker
from ood_bench.errors import (
    DataError,
    OodBenchError,
    PluginError,
    SuiteError,
    machine_refusal,
    system_number,
)
from ood_bench.execute.circumstances import circumstances
from ood_bench.execute.executor import Done, Failed, Missing, Outcome
from ood_bench.store import Lock, Store


def finish(cell: Cell, worker: Worker, store: Store, context: WorkContext) -> Outcome | Missing:
    """Work on a cell under its lock, unless it is stored or becomes so meanwhile.

    Args:
        cell: The cell; its inputs are finished.
        worker: Does the work.
        store: Where the result goes.
        context: Its `progress` is called when the work begins.

    Raises:
        OSError: If the machine refuses to write to the store, so that no other cell can be
            finished either.
    """
    while True:
        if store.has(cell.key):
            return Done(cell, stored=True, seconds=0.0)
        with store.lock(cell.key) as lock:
            if lock.waited:
                store.forget(cell.key)
            if store.has(cell.key):
                return Done(cell, stored=True, seconds=0.0)
            context.progress(Step(cell))
            try:
                return Done(cell, stored=False, seconds=_worked(cell, worker, store, lock))
            except Exception as error:  # noqa: BLE001  a cell may run anybody's code
                outcome = _judged(cell, error, store, lock)
                if outcome is not None:
                    return outcome


def _worked(cell: Cell, worker: Worker, store: Store, lock: Lock) -> float:
    """Do a cell's work, seal its files, and return the seconds that the work took."""
    began = time.perf_counter()
    with store.write(cell, lock.token) as folder:
        worker.work(cell, folder)
        seconds = time.perf_counter() - began
        (folder / CIRCUMSTANCES).write_text(
            json.dumps(circumstances(seconds, worker.device), indent=1)
        )
    return seconds


def _judged(cell: Cell, error: Exception, store: Store, lock: Lock) -> Failed | Missing | None:
    """Return what an error makes of a cell; None if another process has taken its lock over."""
    if not lock.held():
        return None
    for key in cell.inputs.values():
        store.forget(key)
    missing = tuple(key for key in cell.inputs.values() if not store.has(key))
    if missing:
        return Missing(cell, missing)
    if machine_refusal(error) is not None:
        named = getattr(error, "filename", None)
        path = Path(os.fsdecode(named)) if isinstance(named, str | bytes | os.PathLike) else None
        if path is None or store.root.absolute() in path.absolute().parents:
            number = system_number(error) or 0
            raise OSError(number, os.strerror(number), str(path or store.root)) from error
    if isinstance(error, PluginError | DataError | SuiteError):
        return Failed(cell, str(error), mistake=True)
    if isinstance(error, OodBenchError):
        return Failed(cell, str(error))
    message = f"{type(error).__name__}: {error}"
    return Failed(cell, " ".join(message.split()), traceback.format_exc())
