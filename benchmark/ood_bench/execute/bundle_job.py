"""The work of one job of a cluster: the cells of a bundle, one after the other."""

import logging
import os
import platform
import signal
import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from ood_bench.cells import Cell
from ood_bench.cells.context import Step, WorkContext
from ood_bench.cells.worker import Worker
from ood_bench.execute.devices import device_named
from ood_bench.execute.executor import Done, Failed, Outcome
from ood_bench.execute.finish import finish
from ood_bench.execute.journal import Entry, RunFiles, Training, Writer
from ood_bench.execute.schedule import Schedule
from ood_bench.store import Lock, Store
from ood_bench.streams import steady_streams

if TYPE_CHECKING:
    from submitit.helpers import DelayedSubmission

INPUT_SECONDS = 60.0
"""How long a job waits for cells of other jobs to become visible; file systems show them late."""

LOCK_SECONDS = 1.0
"""Time between two looks at locks that others hold."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class BundleJob:
    """A bundle as a job; called on a node of the cluster.

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

    def __call__(self) -> None:
        """Compute the cells, and write what comes of each to the run's files."""
        steady_streams()
        logging.basicConfig(level=logging.WARNING, format="%(message)s")
        files = RunFiles(self.folder)
        _end_if_cancelled(files)
        writer = self._writer(files)
        writer.say("began")
        try:
            for outcome in self._outcomes(writer):
                writer.write(_entry(outcome))
        except Exception as error:
            writer.say("broken", message=" ".join(f"{type(error).__name__}: {error}".split()))
            raise
        writer.say("ended")

    def checkpoint(self) -> "DelayedSubmission":
        """Return what Slurm runs when it starts the job again, preempted or out of time."""
        from submitit.helpers import DelayedSubmission

        self._writer(RunFiles(self.folder)).say("stopped")
        return DelayedSubmission(self)

    def _writer(self, files: RunFiles) -> Writer:
        return Writer(files, self.bundle, job=_job(), host=_host())

    def _outcomes(self, writer: Writer) -> Iterator[Outcome]:
        """Yield the outcome of each cell.

        A cell that another process works on comes after all that do not need it.
        """
        store = Store(self.root)
        device = device_named(self.context.device) if self.gpu else "cpu"
        context = replace(self.context, device=device, progress=_Teller(writer))
        worker = Worker(context, store, device=device)
        schedule = Schedule((*self._invisible(store), *self.cells))
        held: dict[str, tuple[Cell, Lock]] = {}
        while True:
            cell = schedule.ready()
            if cell is None:
                if not held:
                    return
                cell = _released(held)
            elif not schedule.lost(cell) and not store.has(cell.key):
                lock = store.lock(cell.key)
                if not _free(lock):
                    schedule.take(cell)
                    held[cell.key] = cell, lock
                    continue
            settled = schedule.settle(schedule.lost(cell) or finish(cell, worker, store, context))
            if settled is not None:
                yield settled

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


def _free(lock: Lock) -> bool:
    """Return whether nobody holds a lock."""
    if not lock.take():
        return False
    lock.release()
    return True


def _released(held: dict[str, tuple[Cell, Lock]]) -> Cell:
    """Wait until one of several locks is free, and return its cell."""
    while True:
        for key, (cell, lock) in held.items():
            if _free(lock):
                del held[key]
                return cell
        time.sleep(LOCK_SECONDS)


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


def _entry(outcome: Outcome) -> Entry:
    about: dict[str, Any] = {"job": _job(), "host": _host(), "key": outcome.cell.key}
    if isinstance(outcome, Done):
        return Entry(event="done", stored=outcome.stored, seconds=outcome.seconds, **about)
    return Entry(
        event="failed",
        message=outcome.message,
        traceback=outcome.traceback,
        mistake=outcome.mistake,
        **about,
    )


def outcome_of(entry: Entry, cell: Cell, log: Path) -> Outcome:
    """Return what an entry says of a cell; a failure names the job's log."""
    if entry.event == "done":
        return Done(cell, stored=entry.stored, seconds=entry.seconds)
    message = f"{entry.message}; log: {log}"
    return Failed(cell, message, entry.traceback, mistake=entry.mistake)


def _job() -> str:
    """Return the number of this job, with its place in an array."""
    array = os.environ.get("SLURM_ARRAY_JOB_ID")
    if array:
        return f"{array}_{os.environ['SLURM_ARRAY_TASK_ID']}"
    return os.environ["SLURM_JOB_ID"]


def _host() -> str:
    return os.environ.get("SLURMD_NODENAME") or platform.node()


def _end_if_cancelled(files: RunFiles) -> None:
    """End at SIGTERM if the driver cancelled the job, so that locks are released at once.

    Slurm also sends it before a preemption, where the job goes on until its checkpoint.
    """
    name = os.environ.get("SLURM_JOB_NAME", "")

    def end(number: int, _: FrameType | None) -> None:
        if files.cancelled(name):
            raise SystemExit(128 + number)

    signal.signal(signal.SIGTERM, end)
