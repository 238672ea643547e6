"""Bring one cell from any state to finished or failed."""

import json
import os
import time
import traceback
from pathlib import Path

from ood_bench.cells import Cell
from ood_bench.cells.context import Step, WorkContext
from ood_bench.cells.environment import ENVIRONMENT
from ood_bench.cells.worker import Worker
from ood_bench.errors import (
    DataError,
    OodBenchError,
    PluginError,
    SuiteError,
    machine_refusal,
    system_number,
)
from ood_bench.execute.environment import environment
from ood_bench.execute.executor import Done, Failed, Missing, Outcome
from ood_bench.store import Lock, Store


def finish(cell: Cell, worker: Worker, store: Store, context: WorkContext) -> Outcome | Missing:
    """Compute a cell under its lock, unless it is stored or another process stores it first.

    Args:
        cell: The cell; its inputs must be finished.
        worker: The worker that computes it.
        store: The store for the result.
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
            except Exception as error:  # noqa: BLE001  a cell runs plugins' code
                outcome = _judged(cell, error, store, lock)
                if outcome is not None:
                    return outcome


def _worked(cell: Cell, worker: Worker, store: Store, lock: Lock) -> float:
    """Compute a cell, seal its files, and return the seconds that it took."""
    began = time.perf_counter()
    with store.write(cell, lock.token) as folder:
        notes = worker.work(cell, folder)
        seconds = time.perf_counter() - began
        found = {**environment(seconds, worker.device), **notes}
        (folder / ENVIRONMENT).write_text(json.dumps(found, indent=1))
    return seconds


def _judged(cell: Cell, error: Exception, store: Store, lock: Lock) -> Failed | Missing | None:
    """Return the outcome of a cell after an error; None if its lock was taken over."""
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
