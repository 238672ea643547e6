"""The driver of a run on Ray: it submits bundles as tasks, follows them, and reports outcomes."""

import logging
import os
import platform
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from ood_bench.cells import Cell
from ood_bench.cells.context import WorkContext
from ood_bench.execute.bundle_job import BundleJob, outcome_of
from ood_bench.execute.bundle_schedule import BundleSchedule
from ood_bench.execute.cluster import Cluster
from ood_bench.execute.driver import MOST_TIMES, Driver, Running
from ood_bench.execute.executor import Outcome
from ood_bench.execute.journal import Entry, Part, RunFiles, Submission, Writer
from ood_bench.plan import Bundle, Plan
from ood_bench.store import Store
from ood_bench.streams import steady_streams

CANCEL_SECONDS = 20.0
"""How long cancelled tasks may take to release their locks."""

log = logging.getLogger(__name__)


class RayDriver(Driver[Running]):
    """Submits each bundle as a task of Ray once the bundles that it needs have ended.

    Args:
        plan: The cells.
        store: The store that all nodes see.
        context: Plugins, data sets and the progress callback.
        files: The files that tasks write.
        cluster: What a task asks for.
        at_a_time: Most tasks that are submitted and have not ended.
        gives_gpu: Whether bundles that train or call a model take a GPU.
    """

    def __init__(
        self,
        plan: Plan,
        store: Store,
        context: WorkContext,
        files: RunFiles,
        *,
        cluster: Cluster,
        at_a_time: int,
        gives_gpu: bool,
    ) -> None:
        super().__init__(plan, store, context, files)
        self.cluster = cluster
        self.at_a_time = at_a_time
        self.gives_gpu = gives_gpu
        self.order = BundleSchedule(self.bundles)
        self.places = {cell.key: i for i, one in enumerate(self.bundles) for cell in one.cells}
        self.open = [len(one.cells) for one in self.bundles]
        self.tasks: dict[Any, Running] = {}

    def run(self) -> Iterator[Outcome]:
        """Yield the outcome of each cell."""
        self.files.forget()  # the tasks of an earlier process ended with it
        yield from self._counted()
        if self.schedule:  # what is stored has an outcome now
            self._announce()
        while self.schedule:
            self._submit_ready()
            self._wait()
            self.look_again()
            yield from self._counted()

    def _counted(self) -> Iterator[Outcome]:
        """Yield new outcomes; the bundles that waited for the last one of a bundle may follow."""
        for outcome in self.new():
            place = self.places[outcome.cell.key]
            self.open[place] -= 1
            if not self.open[place]:
                self.order.end(place)
            yield outcome

    def place(self, entry: Entry) -> str:
        """Return the node."""
        return entry.host

    def log(self, job: str) -> None:
        """Return None: a failure comes with its traceback."""
        del job

    def cancel(self) -> None:
        """End the tasks in progress, if there are any, so that they release their locks."""
        if not self.tasks:
            return
        import ray

        tasks = list(self.tasks)
        for task in tasks:
            ray.cancel(task)
        ray.wait(tasks, num_returns=len(tasks), timeout=CANCEL_SECONDS)
        log.warning("cancelled the tasks of this run")

    def _announce(self) -> None:
        """Write which bundles are to be computed, for `ood-bench status`."""
        work = {one.key: (one.name, len(self.to_compute(one))) for one in self.bundles}
        parts = (
            Part(key=key, name=name, cells=cells) for key, (name, cells) in work.items() if cells
        )
        self.files.keep(Submission(name="ray", parts=tuple(parts)), 0)

    def _submit_ready(self) -> None:
        """Submit the bundles whose inputs have an outcome, as many as may run at a time."""
        for place in sorted({self.places[key] for key in self.again}):
            bundle = self.bundles[place]
            cells = self.to_compute(bundle)
            if cells and bundle.key not in self.running:
                self._submit(place, bundle, cells)
        while self.order and len(self.tasks) < self.at_a_time:
            place, bundle = self.order.take()
            cells = self.to_compute(bundle)
            if cells:
                self._submit(place, bundle, cells)

    def _submit(self, place: int, bundle: Bundle, cells: tuple[Cell, ...]) -> None:
        import ray

        gpu = bundle.gpu and self.gives_gpu
        taken = self.cluster.resources(gpu=gpu)
        remote = ray.remote(**taken)(_compute).options(name=bundle.name, max_retries=MOST_TIMES)
        task = remote.remote(
            self.job(BundleJob, bundle, cells), str(place), taken["num_cpus"], Path.cwd()
        )
        running = Running(bundle, str(place), self.files.tail(bundle.key))
        self.tasks[task] = self.running[bundle.key] = running

    def _wait(self) -> None:
        """Wait for a task to end or for the next look at the files."""
        from ray.exceptions import RayError, RayTaskError

        import ray

        if not self.tasks:  # the store shows nothing of what they finished
            time.sleep(self.pause)
            return
        ended, _ = ray.wait(list(self.tasks), num_returns=1, timeout=self.pause)
        for one in list(self.running.values()):
            self.read(one)
        for task in ended:
            one = self.tasks.pop(task)
            del self.running[one.bundle.key]
            try:
                entries = ray.get(task)
            except RayTaskError as error:
                self.fail(one.bundle, f"its task ended with {_line(error.cause)}")
            except RayError as error:
                self.fail(one.bundle, f"its task was lost: {_line(error)}")
            else:
                for entry in entries:
                    self.know(outcome_of(entry, self.cells[entry.key], None))
                self.fail(one.bundle, "its task left no outcome")


def _line(error: BaseException) -> str:
    text = " ".join(str(error).split()[:40])
    return f"{type(error).__name__}: {text}"


def _compute(job: BundleJob, number: str, threads: int, folder: Path) -> list[Entry]:
    """Compute a bundle in a worker of Ray."""
    import torch

    steady_streams()
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    with suppress(OSError):  # relative paths of data need it, others do not
        os.chdir(folder)
    torch.set_num_threads(threads)
    files = RunFiles(job.folder)
    return job.compute(Writer(files, job.bundle, job=number, host=platform.node()))
