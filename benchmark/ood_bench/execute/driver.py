"""What the drivers of bundles on other machines share: outcomes, and what the jobs have written."""

import logging
import time
from abc import ABC, abstractmethod
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Generic, TypeVar

from ood_bench.cells import Cell
from ood_bench.cells.context import Step, WorkContext
from ood_bench.execute.bundle_job import INPUT_SECONDS, BundleJob, outcome_of
from ood_bench.execute.executor import Done, Failed, Outcome
from ood_bench.execute.journal import Entry, RunFiles, Tail, Training
from ood_bench.execute.schedule import Schedule
from ood_bench.hashing import digest
from ood_bench.plan import Bundle, Plan, bundles_of
from ood_bench.store import Lock, Store

POLL_SECONDS = 1.0
"""Time between two looks at the files of the jobs; more for many bundles."""

BUNDLES_A_SECOND = 50
"""How many bundles' files are looked at in a second."""

MOST_TIMES = 3
"""How often a lost bundle is submitted again."""

log = logging.getLogger(__name__)


@dataclass
class Running:
    """A bundle whose job has not ended, as far as is known.

    Attributes:
        bundle: The bundle.
        job: Its job.
        tail: What its jobs have written.
        began: The job that began last; empty if none has.
        queued: Whether the job began and is in the queue again.
        cell: The cell that the job works on.
        shown: The progress that was last passed on.
    """

    bundle: Bundle
    job: str
    tail: Tail
    began: str = ""
    queued: bool = False
    cell: str = ""
    shown: Training | None = None


R = TypeVar("R", bound=Running)
J = TypeVar("J", bound=BundleJob)


class Driver(ABC, Generic[R]):
    """Submits bundles, follows their jobs, and reports the outcomes of cells.

    Args:
        plan: The cells.
        store: The store that all machines see.
        context: Plugins, data sets and the progress callback.
        files: The files that jobs write.

    Attributes:
        bundles: The bundles of the plan, each after those that it needs.
        outcomes: The outcomes that are known, by key of the cell.
        settled: Keys of the cells whose outcome was reported.
        failed: Keys of the cells that failed.
        running: The bundles whose jobs have not ended, by key.
        late: Keys of the cells that jobs have finished and the store does not show yet.
        again: Keys of the cells that it has not shown for so long that they are computed again.
    """

    def __init__(self, plan: Plan, store: Store, context: WorkContext, files: RunFiles) -> None:
        self.store = store
        self.context = context
        self.files = files
        self.cells = {cell.key: cell for cell in plan.cells}
        self.bundles = bundles_of(plan.cells)
        self.schedule = Schedule(plan.cells)
        self.outcomes: dict[str, Outcome] = {}
        self.settled: set[str] = set()
        self.failed: set[str] = set()
        self.running: dict[str, R] = {}
        self.late: set[str] = set()
        self.again: set[str] = set()
        self._place = {key: place for place, key in enumerate(self.cells)}
        self._since: dict[str, float] = {}
        self._unseen: Counter[str] = Counter()
        self._arrived: deque[str] = deque()
        self._waiting: set[str] = set()

    @abstractmethod
    def run(self) -> Iterator[Outcome]:
        """Yield the outcome of each cell."""

    @abstractmethod
    def place(self, entry: Entry) -> str:
        """Return where the job of an entry runs, in words."""

    @abstractmethod
    def log(self, job: str) -> Path | None:
        """Return the log of a job; None if it has none."""

    def new(self) -> Iterator[Outcome]:
        """Yield the outcomes that are known and whose inputs have one."""
        while True:
            cell = self.schedule.ready()
            while cell is None and self._arrived:
                key = self._arrived.popleft()
                cell = self.cells[key] if key in self._waiting else None
            if cell is None:
                return
            found = self.schedule.lost(cell) or self.outcomes.get(cell.key)
            if isinstance(found, Done) and not self._visible(cell):
                found = None
            elif found is None and self.store.has(cell.key):
                found = Done(cell, stored=True, seconds=0.0)
            if found is None:
                self.schedule.take(cell)
                self._waiting.add(cell.key)
                continue
            self._waiting.discard(cell.key)
            self.settled.add(cell.key)
            if isinstance(found, Failed):
                self.failed.add(cell.key)
            outcome = self.schedule.settle(found)
            if outcome is not None:
                yield outcome

    def _visible(self, cell: Cell) -> bool:
        """Return whether the store shows a cell that a job has finished.

        File systems show it late. If it stays away, it is to be computed again.
        """
        key = cell.key
        self.store.forget(key)
        if self.store.has(key):
            self.again.discard(key)
            return True
        if time.monotonic() - self._since[key] < INPUT_SECONDS:
            self.late.add(key)
            return False
        del self.outcomes[key]
        self._unseen[key] += 1
        if self._unseen[key] > MOST_TIMES:
            message = f"jobs finished it, and the store does not show it: {self.store.root}"
            self.know(Failed(cell, message))
        else:
            self.again.add(key)
            log.warning("%s is finished but not visible; it is computed again", cell.name)
        return False

    def look_again(self) -> None:
        """Let `new` look again at the cells that the store did not show."""
        self._arrived.extend(self.late)
        self.late.clear()

    def job(self, kind: type[J], bundle: Bundle, cells: tuple[Cell, ...]) -> J:
        """Return some cells of a bundle as a job that can be sent to another machine."""
        return kind(
            bundle=bundle.key,
            cells=cells,
            gpu=bundle.gpu,
            folder=self.files.folder,
            root=self.store.root.absolute(),
            context=replace(self.context, progress=_ignore),
            before=self._before(cells),
        )

    def _before(self, cells: Iterable[Cell]) -> tuple[Cell, ...]:
        """Return all cells that some cells need, each after its inputs, without themselves."""
        own = {cell.key for cell in cells}
        found, left = set(own), [key for cell in cells for key in cell.inputs.values()]
        while left:
            key = left.pop()
            if key not in found and key in self.cells:
                found.add(key)
                left.extend(self.cells[key].inputs.values())
        return tuple(self.cells[key] for key in sorted(found - own, key=self._place.__getitem__))

    def to_compute(self, bundle: Bundle) -> tuple[Cell, ...]:
        """Return the cells of a bundle without an outcome that need no failed cell."""
        lost = set(self.failed)
        found = []
        for cell in bundle.cells:
            known = self.outcomes.get(cell.key)
            if isinstance(known, Failed):
                lost.add(cell.key)
            if known is not None or cell.key in self.settled:
                continue
            if lost.isdisjoint(cell.inputs.values()):
                found.append(cell)
            else:
                lost.add(cell.key)
        return tuple(found)

    def read(self, one: R, *, quiet: bool = False) -> bool:
        """Read what the job of a bundle has written since, and pass it on.

        Args:
            one: The bundle.
            quiet: Whether to say nothing of what is read.

        Returns:
            Whether the job says that it has ended.
        """
        ended = False
        for entry in one.tail.read():
            if entry.event == "began":
                if one.began and not quiet:
                    log.warning("%s: started again on %s", one.bundle.name, self.place(entry))
                one.began, one.queued = entry.job, False
            elif entry.event == "stopped":
                one.queued = True
                if not quiet:
                    log.warning(
                        "%s: stopped on %s, preempted or out of time; it is in the queue again and "
                        "will resume",
                        one.bundle.name,
                        entry.host,
                    )
            elif entry.event == "ended" and entry.job == one.job:
                ended = True
            self._pass_on(entry, one, quiet=quiet)
        if not ended:
            self._show(one)
        return ended

    def _pass_on(self, entry: Entry, one: R, *, quiet: bool) -> None:
        """Pass on what an entry says of a cell."""
        cell = self.cells.get(entry.key or "")
        if cell is None:
            return
        if entry.event == "cell":
            one.cell = cell.key
            if cell.key not in self.outcomes and not quiet:
                self.context.progress(Step(cell))
        elif entry.event in ("done", "failed"):
            self.know(outcome_of(entry, cell, self.log(entry.job)))

    def know(self, outcome: Outcome) -> None:
        """Keep the first outcome of a cell."""
        key = outcome.cell.key
        if key not in self.outcomes:
            self.outcomes[key] = outcome
            self._since[key] = time.monotonic()
            self._arrived.append(key)

    def _show(self, one: R) -> None:
        """Pass the progress of a bundle's training on, if there is any news."""
        if one.cell not in self.cells or one.cell in self.outcomes:
            return
        training = one.tail.training()
        if training is None or training == one.shown or training.key != one.cell:
            return
        one.shown = training
        self.context.progress(Step(self.cells[training.key], training.progress()))

    def fail(self, bundle: Bundle, message: str) -> None:
        """Let the cells of a bundle fail that have no outcome and are not stored."""
        for cell in bundle.cells:
            if not self.store.has(cell.key):
                self.know(Failed(cell, message))
            else:
                self.know(Done(cell, stored=False, seconds=self.store.seconds(cell.key)))

    @property
    def pause(self) -> float:
        """Seconds until the files of the jobs are looked at again."""
        return max(POLL_SECONDS, len(self.running) / BUNDLES_A_SECOND)


@contextmanager
def driving(kind: str, plan: Plan, store: Store, context: WorkContext) -> Iterator[RunFiles]:
    """Yield the files of a run, once no other process drives it.

    Args:
        kind: The folder beside the store in which each run has one.
        plan: The cells.
        store: The store.
        context: Its `run` names the run.
    """
    name = context.run or digest([cell.key for cell in plan.cells])[:8]
    files = RunFiles(store.root.absolute().parent / kind / name)

    def waiting() -> None:
        log.warning("waiting for another process that drives this run")

    with Lock(files.folder / "driver", waiting=waiting):
        yield files


def _ignore(_: Step) -> None:
    """Ignore progress; it can be sent to another process."""
