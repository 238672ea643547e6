"""The executor `processes`: independent cells in several processes on this machine."""

import logging
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import cast

from ood_bench.cells import Cell
from ood_bench.cells.context import Step, WorkContext
from ood_bench.cells.worker import Worker
from ood_bench.execute.devices import device_named, gpus_of, threads_at_hand
from ood_bench.execute.executor import Done, Executor, Failed, Missing, Outcome
from ood_bench.execute.finish import finish
from ood_bench.execute.in_turn import LOCK_SECONDS, Elsewhere
from ood_bench.execute.schedule import Schedule
from ood_bench.plan import Plan
from ood_bench.spawn import without_main
from ood_bench.store import Store
from ood_bench.streams import steady_streams

PROGRESS_SECONDS = 0.2
"""Minimum time between two messages about the progress of a training."""

MOST_JOBS = 8
"""Maximum default number of processes: each takes half a gigabyte and its data."""

_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")

_GPUS = "CUDA_VISIBLE_DEVICES"


def jobs_for(plan: Plan, *, device: str, threads: int) -> int:
    """Return the default number of processes: at most one per training, and per thread or GPU.

    Args:
        plan: The cells.
        device: The device that models run on; each GPU gets one process.
        threads: Number of threads to share.
    """
    trainings = sum(cell.kind == "train" for cell in plan.cells)
    most = min(threads, MOST_JOBS) if device == "cpu" else len(gpus_of(device))
    return max(1, min(most, trainings))


@dataclass(frozen=True)
class _Slot:
    """What one process computes, and on which device.

    Attributes:
        number: Number of the slot.
        device: The device.
        gpu: The GPU that it sees, empty for none; None for all.
        calls_model: Whether its cells train or call a model; None for all cells.
    """

    number: int
    device: str
    gpu: str | None = None
    calls_model: bool | None = None


def _slots(jobs: int, device: str, gpus: tuple[str, ...]) -> list[_Slot]:
    """Return the slots of the processes.

    With several GPUs, each process that calls models sees one, in turn, and has one beside it that
    sees none, for the other cells.
    """
    if len(gpus) < 2:
        return [_Slot(number, device) for number in range(jobs)]
    own = [_Slot(i, device, gpus[i % len(gpus)], calls_model=True) for i in range(jobs)]
    return own + [_Slot(jobs + i, "cpu", "", calls_model=False) for i in range(jobs)]


class Processes(Executor):
    """Computes up to `jobs` cells at a time, each in a process of its own.

    A small model gains little from a second core, but two models side by side use both fully.
    If a process dies, its cell fails and a new process replaces it. If the calling process
    dies, in whatever way, its processes end too.

    On a machine with several GPUs, each process that trains or calls models sees one of them
    (CUDA_VISIBLE_DEVICES); cells that do neither are computed in as many processes beside them.

    Args:
        jobs: Number of processes, which share the threads equally; with several GPUs, of those
            that use one. Default: the number of trained models, or of threads or GPUs if that is
            smaller.
    """

    def __init__(self, *, jobs: int | None = None) -> None:
        if jobs is not None and jobs < 1:
            raise ValueError(f"jobs must be positive, got {jobs}")
        self.jobs = jobs

    def _share(self, plan: Plan, device: str) -> tuple[list[_Slot], int]:
        """Return the slots of the processes, and the number of threads in each."""
        threads, device = threads_at_hand(), device_named(device)
        jobs = self.jobs or jobs_for(plan, device=device, threads=threads)
        slots = _slots(jobs, device, gpus_of(device))
        return slots, max(1, threads // len(slots))

    def manifest(self, plan: Plan, context: WorkContext) -> dict[str, str]:
        """Return the number of threads and processes."""
        slots, threads = self._share(plan, context.device)
        gpus = {slot.gpu for slot in slots if slot.gpu}
        told = f", {len(gpus)} GPUs" if gpus else ""
        return {"threads": f"{threads} in each of {len(slots)} processes{told}"}

    def run(self, plan: Plan, store: Store, context: WorkContext) -> Generator[Outcome, None, None]:
        """Yield an outcome for every cell; `context.progress` is called in this process."""
        free, threads = self._share(plan, context.device)
        kinds = tuple({slot.calls_model for slot in free})
        schedule, elsewhere = Schedule(plan.cells), Elsewhere(store)
        idle: dict[_Slot, _Worker] = {}
        busy: dict[Connection, tuple[_Worker, Cell]] = {}

        def known(cell: Cell) -> Outcome | None:
            return schedule.lost(cell) or _stored(cell, store)

        def give(cell: Cell, slot: _Slot) -> None:
            worker = idle.pop(slot, None)
            if worker is None or not worker.process.is_alive():
                worker = _Worker(context, store, threads, slot)
            free.remove(slot)
            schedule.take(cell)
            worker.give(cell)
            busy[worker.connection] = worker, cell

        try:
            while True:
                settled = True
                while settled:  # an outcome may make cells of the other kind ready
                    settled = False
                    for kind in kinds:
                        while (cell := schedule.ready(calls_model=kind)) is not None:
                            outcome = known(cell)
                            slot = next((one for one in free if one.calls_model == kind), None)
                            if outcome is not None:
                                settled = True
                                yield from _new(schedule.settle(outcome))
                            elif slot is not None and elsewhere.holds(cell):
                                schedule.take(cell)
                            elif slot is not None:
                                give(cell, slot)
                            else:
                                break
                if not busy and not elsewhere:  # none in progress, none ready: all have an outcome
                    return
                if not busy:
                    elsewhere.wait()
                for cell in elsewhere.released():
                    schedule.give_back(cell)
                if not busy:
                    continue
                for connection in wait(busy, LOCK_SECONDS if elsewhere else None):
                    worker, cell = busy[cast("Connection", connection)]
                    message = worker.receive()
                    if isinstance(message, Step):
                        context.progress(message)
                        continue
                    del busy[worker.connection]
                    free.append(worker.slot)
                    if message is not None:
                        idle[worker.slot] = worker
                    if isinstance(message, OSError):
                        raise message
                    if isinstance(message, Missing):
                        for key in message.keys:
                            store.forget(key)
                    yield from _new(schedule.settle(message or Failed(cell, worker.exit_reason())))
        finally:
            for worker, _ in busy.values():
                worker.process.terminate()
            for worker in (*idle.values(), *(worker for worker, _ in busy.values())):
                worker.stop()


def _stored(cell: Cell, store: Store) -> Done | None:
    return Done(cell, stored=True, seconds=0.0) if store.has(cell.key) else None


def _new(outcome: Outcome | None) -> Iterator[Outcome]:
    if outcome is not None:
        yield outcome


class _Worker:
    """The parent's handle of a process that works on one cell at a time."""

    def __init__(self, context: WorkContext, store: Store, threads: int, slot: _Slot) -> None:
        self.slot = slot
        spawn = multiprocessing.get_context("spawn")
        self.connection, theirs = spawn.Pipe()
        self.process = spawn.Process(
            target=_work,
            args=(
                theirs,
                replace(context, device=slot.device, progress=_ignore),
                store.root,
                threads,
            ),
            daemon=False,  # a daemon may not start processes, and statistics do
        )
        variables = {name: str(threads) for name in _THREADS}
        if slot.gpu is not None:
            variables[_GPUS] = slot.gpu
        with without_main(), _environment(variables), _interrupts_blocked():
            self.process.start()
        theirs.close()

    def give(self, cell: Cell) -> None:
        """Send it a cell; if it has died, `receive` returns None."""
        with suppress(OSError):
            self.connection.send(cell)

    def receive(self) -> Step | Outcome | Missing | OSError | None:
        """Return its next message; None if it has died."""
        try:
            message: Step | Outcome | Missing | OSError = self.connection.recv()
        except (EOFError, OSError):
            return None
        return message

    def exit_reason(self) -> str:
        """Return how a dead process ended."""
        self.process.join()
        code = self.process.exitcode or 0
        if code >= 0:
            return f"its process ended with status {code}"
        name = signal.Signals(-code).name
        hint = "; the system kills what takes too much memory, fewer --jobs take less"
        return f"its process was ended by {name}{hint if name == 'SIGKILL' else ''}"

    def stop(self) -> None:
        """Close the pipe and wait for the process to end."""
        self.connection.close()
        self.process.join()


def _work(connection: Connection, context: WorkContext, root: Path, threads: int) -> None:
    """Process cells until the parent closes the pipe."""
    threading.Thread(target=_die_with_parent, daemon=True).start()
    steady_streams()
    logging.basicConfig(level=logging.WARNING, format="%(message)s")

    import torch

    torch.set_num_threads(threads)
    store = Store(root)
    context = replace(context, progress=_ProgressSender(connection))
    worker = Worker(context, store, device=device_named(context.device))
    while True:
        try:
            cell = connection.recv()
        except EOFError:
            return
        store.forget(cell.key)  # the parent has just found that it is not stored
        try:
            message: Outcome | Missing | OSError = finish(cell, worker, store, context)
        except OSError as error:
            message = error
        with suppress(OSError):  # the parent has ended
            connection.send(message)


class _ProgressSender:
    """Sends the parent that a cell begins, and the progress of a training at intervals."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._last = 0.0

    def __call__(self, step: Step) -> None:
        now = time.monotonic()
        if step.training is None or now - self._last >= PROGRESS_SECONDS:
            self._last = now
            self._connection.send(step)


def _die_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _ignore(_: Step) -> None:
    """Ignore progress."""


@contextmanager
def _interrupts_blocked() -> Iterator[None]:
    """Block Ctrl-C in processes started meanwhile, from before they import anything."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    """Set environment variables for processes started meanwhile."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
