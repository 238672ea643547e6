"""The work of a job on another machine: the cells of a bundle, one after the other."""

import logging
import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ood_bench.cells import Cell
from ood_bench.cells.context import Step, WorkContext
from ood_bench.cells.worker import Worker
from ood_bench.execute.devices import device_named
from ood_bench.execute.executor import Done, Failed, Outcome
from ood_bench.execute.in_turn import in_turn
from ood_bench.execute.journal import Entry, Training, Writer
from ood_bench.store import Store

INPUT_SECONDS = 60.0
"""How long a job waits for cells of other jobs to become visible; file systems show them late."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class BundleJob:
    """A bundle as a job.

    Attributes:
        bundle: The key of the bundle.
        cells: Its cells to compute, each after its inputs.
        before: Cells of other bundles that these need, each after its inputs; what of them does not
            become visible is computed again.
        gpu: Whether the context's device is used; otherwise the CPU.
        folder: The folder of the run's files.
        root: The store.
        context: Plugins and data sets; its `progress` is replaced.
    """

    bundle: str
    cells: tuple[Cell, ...]
    gpu: bool
    folder: Path
    root: Path
    context: WorkContext
    before: tuple[Cell, ...] = ()

    def compute(self, writer: Writer) -> list[Entry]:
        """Compute the cells, write what comes of each to the run's files, and return that too."""
        writer.say("began")
        written = []
        try:
            for outcome in self._outcomes(writer):
                written.append(writer.entry(**_told(outcome)))
                writer.write(written[-1])
        except Exception as error:
            writer.say("broken", message=" ".join(f"{type(error).__name__}: {error}".split()))
            raise
        writer.say("ended")
        return written

    def _outcomes(self, writer: Writer) -> Iterator[Outcome]:
        """Yield the outcome of each cell; those that other processes work on come last."""
        store = Store(self.root)
        device = device_named(self.context.device) if self.gpu else "cpu"
        context = replace(self.context, device=device, progress=_Teller(writer))
        worker = Worker(context, store, device=device)
        cells = (*self._invisible(store), *self.cells)
        return in_turn(cells, worker, store, context)

    def _invisible(self, store: Store) -> tuple[Cell, ...]:
        """Wait for cells of other bundles; return those to compute again, each after its inputs."""
        own = {cell.key for cell in self.cells}
        wanted = {key for cell in self.cells for key in cell.inputs.values()} - own
        _await(wanted, store)
        found = []
        for cell in reversed(self.before):
            if cell.key in wanted and not store.has(cell.key):
                log.warning("%s is finished but not visible; it is computed again", cell.name)
                found.append(cell)
                wanted.update(cell.inputs.values())
        return tuple(reversed(found))


def _await(keys: Collection[str], store: Store) -> None:
    """Wait until cells of other bundles are visible, or for long enough."""
    until = time.monotonic() + INPUT_SECONDS
    for key in keys:
        while not store.has(key) and time.monotonic() < until:
            time.sleep(1.0)


class _Teller:
    """Writes that a cell begins, and the progress of its training."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    def __call__(self, step: Step) -> None:
        key, training = step.cell.key, step.training
        if training is None:
            self._writer.say("cell", key)
            return
        told = Training(key=key, **vars(training))
        self._writer.train(told, last=training.step == training.steps)


def _told(outcome: Outcome) -> dict[str, Any]:
    """Return the fields of an entry that say what came of a cell."""
    about: dict[str, Any] = {"key": outcome.cell.key}
    if isinstance(outcome, Done):
        return {**about, "event": "done", "stored": outcome.stored, "seconds": outcome.seconds}
    return {
        **about,
        "event": "failed",
        "message": outcome.message,
        "traceback": outcome.traceback,
        "mistake": outcome.mistake,
    }


def outcome_of(entry: Entry, cell: Cell, log: Path | None) -> Outcome:
    """Return what an entry says of a cell; a failure names the job's log, if it has one."""
    if entry.event == "done":
        return Done(cell, stored=entry.stored, seconds=entry.seconds)
    message = f"{entry.message}; log: {log}" if log else entry.message
    return Failed(cell, message, entry.traceback, mistake=entry.mistake)
