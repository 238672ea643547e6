"""The driver of a run on Slurm: it submits bundles, follows their jobs, and reports outcomes."""

import logging
import secrets
import time
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from ood_bench.cells import Cell
from ood_bench.cells.context import Step, WorkContext
from ood_bench.execute.bundle_job import INPUT_SECONDS, BundleJob, outcome_of
from ood_bench.execute.cluster import Cluster
from ood_bench.execute.executor import Done, Failed, Outcome
from ood_bench.execute.journal import Part, RunFiles, Submission, Tail, Training
from ood_bench.execute.schedule import Schedule
from ood_bench.execute.slurm_jobs import Job, SlurmError, cancel, last_state, own_jobs, submitted
from ood_bench.execute.waves import arrays_of
from ood_bench.plan import Bundle, Plan, bundles_of
from ood_bench.store import Store

POLL_SECONDS = 1.0
"""Time between two looks at the files of the jobs; more for many bundles."""

BUNDLES_A_SECOND = 50
"""How many bundles' files are looked at in a second."""

QUEUE_SECONDS = 5.0
"""Time between two questions to Slurm."""

GRACE_SECONDS = 20.0
"""How long the files of a job that has ended may show less than it wrote."""

MOST_TIMES = 3
"""How often a lost bundle is submitted again."""

log = logging.getLogger(__name__)


@dataclass
class _Running:
    """A bundle whose job has not ended, as far as is known.

    Attributes:
        bundle: The bundle.
        job: Its job.
        tail: What its jobs have written.
        missing: When Slurm was first seen not to know the job any more.
        queued: Whether the job began and is in the queue again.
        cell: The cell that the job works on.
        shown: The progress that was last passed on.
    """

    bundle: Bundle
    job: str
    tail: Tail
    missing: float | None = None
    queued: bool = False
    cell: str = ""
    shown: Training | None = None


class Driver:
    """Submits bundles, follows their jobs, and reports the outcomes of cells."""

    def __init__(
        self, cluster: Cluster, plan: Plan, store: Store, context: WorkContext, files: RunFiles
    ) -> None:
        self.cluster = cluster
        self.store = store
        self.context = context
        self.files = files
        self.cells = {cell.key: cell for cell in plan.cells}
        self.place = {key: place for place, key in enumerate(self.cells)}
        self.bundles = bundles_of(plan.cells)
        self.by_key = {one.key: one for one in self.bundles}
        self.schedule = Schedule(plan.cells)
        self.outcomes: dict[str, Outcome] = {}
        self.arrived: deque[str] = deque()
        self.since: dict[str, float] = {}
        self.late: set[str] = set()
        self.unseen: Counter[str] = Counter()
        self.settled: set[str] = set()
        self.failed: set[str] = set()
        self.waiting: set[str] = set()
        self.running: dict[str, _Running] = {}
        self.submissions: list[Submission] = []
        self.times: Counter[str] = Counter()
        self.told: set[tuple[str, str]] = set()
        self.asked = 0.0

    def run(self) -> Iterator[Outcome]:
        """Yield the outcome of each cell."""
        self._join()
        while True:
            yield from self._new()
            if not self.schedule:
                return
            if not self.running and not self.late:
                self._submit_wave()
                continue
            time.sleep(max(POLL_SECONDS, len(self.running) / BUNDLES_A_SECOND))
            self.arrived.extend(self.late)
            self.late.clear()
            for one in list(self.running.values()):
                self._read(one)
            if time.monotonic() - self.asked > QUEUE_SECONDS:
                self._ask()

    def close(self, *, ended: bool, detach: bool) -> None:
        """Clean up after a run; cancel its jobs if it has not ended."""
        if ended and not self.failed:
            self.files.clear()
        elif ended:
            self.files.forget()
        elif self.running and detach:
            jobs = ", ".join(sorted({one.job.partition("_")[0] for one in self.running.values()}))
            log.warning("left running: job %s; the same command joins it", jobs)
        elif self.submissions:
            names = [one.name for one in self.submissions]
            for name in names:
                self.files.cancel(name)
            try:
                cancel(names)
            except SlurmError as error:
                log.warning("%s; cancel the jobs %s by hand", error, ", ".join(names))
                return
            if self.running:
                log.warning("cancelled the jobs of this run")
            self.files.forget()

    def _new(self) -> Iterator[Outcome]:
        """Yield the outcomes that are known and whose inputs have one."""
        while True:
            cell = self.schedule.ready()
            while cell is None and self.arrived:
                key = self.arrived.popleft()
                cell = self.cells[key] if key in self.waiting else None
            if cell is None:
                return
            found = self.schedule.lost(cell) or self.outcomes.get(cell.key)
            if isinstance(found, Done) and not self._visible(cell):
                found = None
            elif found is None and self.store.has(cell.key):
                found = Done(cell, stored=True, seconds=0.0)
            if found is None:
                self.schedule.take(cell)
                self.waiting.add(cell.key)
                continue
            self.waiting.discard(cell.key)
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
        self.store.forget(cell.key)
        if self.store.has(cell.key):
            return True
        if time.monotonic() - self.since[cell.key] < INPUT_SECONDS:
            self.late.add(cell.key)
        else:
            del self.outcomes[cell.key]
            self.unseen[cell.key] += 1
            if self.unseen[cell.key] > MOST_TIMES:
                message = f"jobs finished it, and the store does not show it: {self.store.root}"
                self._know(Failed(cell, message))
            else:
                log.warning("%s is finished but not visible; it is computed again", cell.name)
        return False

    def _submit_wave(self) -> None:
        """Submit the first wave of bundles that have cells without an outcome."""
        (wave, *_) = arrays_of(self.bundles, self.settled)
        for bundles in wave:
            self._submit(bundles)

    def _submit(self, bundles: Iterable[Bundle]) -> None:
        """Submit bundles of one kind as one job array."""
        work = {one.key: (one, self._to_compute(one)) for one in bundles}
        gpu = next(iter(work.values()))[0].gpu
        name = f"ood-bench-{secrets.token_hex(4)}"
        parts = tuple(
            Part(key=key, name=one.name, cells=len(cells)) for key, (one, cells) in work.items()
        )
        submission = Submission(name=name, parts=parts)
        place = len(self.submissions)
        self.submissions.append(submission)
        self.files.keep(submission, place)
        jobs = [
            BundleJob(
                bundle=key,
                cells=cells,
                gpu=gpu,
                folder=self.files.folder,
                root=self.store.root.absolute(),
                context=replace(self.context, progress=_ignore),
                before=self._before(cells),
            )
            for key, (_, cells) in work.items()
        ]
        given = self.cluster.gives_gpu(gpu=gpu, device=self.context.device)
        number = submitted(self.cluster, self.files.logs, name, jobs, gpu=given)
        submission = submission.model_copy(update={"job": number})
        self.submissions[place] = submission
        self.files.keep(submission, place)
        self._follow(submission)
        count = len(parts)
        kind = "with a GPU" if given else "without a GPU"
        what = f"{count} bundles {kind}" if count > 1 else f"{parts[0].name}, {kind}"
        log.warning("submitted job %s: %s", number, what)

    def _before(self, cells: Iterable[Cell]) -> tuple[Cell, ...]:
        """Return all cells that some cells need, each after its inputs, without themselves."""
        own = {cell.key for cell in cells}
        found, left = set(own), [key for cell in cells for key in cell.inputs.values()]
        while left:
            key = left.pop()
            if key not in found and key in self.cells:
                found.add(key)
                left.extend(self.cells[key].inputs.values())
        return tuple(self.cells[key] for key in sorted(found - own, key=self.place.__getitem__))

    def _to_compute(self, bundle: Bundle) -> tuple[Cell, ...]:
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

    def _follow(self, submission: Submission) -> None:
        """Follow the jobs of a submission."""
        for key, job in submission.jobs().items():
            former = self.running.get(key)
            tail = former.tail if former else self.files.tail(key)
            self.running[key] = _Running(self.by_key[key], job, tail)

    def _join(self) -> None:
        """Find what an earlier process of this run has submitted, if it is still in the queue.

        A submission whose job is unknown was interrupted; Slurm may know its name.
        """
        former = self.files.submissions()
        if not former:
            return
        if any(one.job is None for one in former):
            time.sleep(QUEUE_SECONDS)  # its sbatch may not have ended with the process
        alive = {(job.id.partition("_")[0], job.name) for job in own_jobs()}
        number = {name: job for job, name in alive}
        if not any(one.name in number for one in former):
            self.files.forget()
            return
        if any(part.key not in self.by_key for one in former for part in one.parts):
            log.warning("cancelled jobs of this run as it was planned before")
            for one in former:
                self.files.cancel(one.name)
            cancel([one.name for one in former])
            self.files.forget()
            return
        for place, one in enumerate(former):
            self.times.update(part.key for part in one.parts)
            job = one.job or number.get(one.name)
            found = one.model_copy(update={"job": job})
            self.submissions.append(found)
            if job is not None:
                self.files.keep(found, place)
                self._follow(found)
        for key in self.times:
            self.times[key] -= 1
        for running in list(self.running.values()):
            self._read(running, quiet=True)
        jobs = ", ".join(sorted({number[one.name] for one in former if one.name in number}))
        log.warning("joined job %s of this run", jobs)

    def _read(self, one: _Running, *, quiet: bool = False) -> None:
        """Read what the job of a bundle has written since, and pass it on."""
        ended = False
        restarted = any(entry.event == "began" for entry in one.tail.entries)
        for entry in one.tail.read():
            if entry.event == "began":
                if restarted and not quiet:
                    log.warning(
                        "%s: started again on %s, job %s", one.bundle.name, entry.host, entry.job
                    )
                restarted, one.queued = True, False
            elif entry.event == "stopped":
                one.queued = True
                if quiet:
                    continue
                log.warning(
                    "%s: stopped on %s, preempted or out of time; job %s is in the queue again "
                    "and will resume",
                    one.bundle.name,
                    entry.host,
                    entry.job,
                )
            elif entry.event == "ended" and entry.job == one.job:
                ended = True
            cell = self.cells.get(entry.key or "")
            if cell is None:
                continue
            if entry.event == "cell":
                one.cell = cell.key
                if cell.key not in self.outcomes and not quiet:
                    self.context.progress(Step(cell))
            elif entry.event in ("done", "failed"):
                self._know(outcome_of(entry, cell, self.files.log(entry.job)))
        if ended and not self._to_compute(one.bundle):
            self.running.pop(one.bundle.key, None)
        elif not ended:
            self._show(one)

    def _know(self, outcome: Outcome) -> None:
        """Keep the first outcome of a cell."""
        key = outcome.cell.key
        if key not in self.outcomes:
            self.outcomes[key] = outcome
            self.since[key] = time.monotonic()
            self.arrived.append(key)

    def _show(self, one: _Running) -> None:
        """Pass the progress of a bundle's training on, if there is any news."""
        if one.cell in self.outcomes:
            return
        training = one.tail.training()
        if training is None or training == one.shown or training.key != one.cell:
            return
        one.shown = training
        self.context.progress(Step(self.cells[training.key], training.progress()))

    def _ask(self) -> None:
        """Ask Slurm which jobs are left; those that are gone without an end are lost."""
        self.asked = time.monotonic()
        try:
            alive = {job.id: job for job in own_jobs()}
        except SlurmError as error:
            log.warning("%s; asking again", error)
            return
        lost: list[_Running] = []
        for one in list(self.running.values()):
            if one.job in alive:
                one.missing = None
                self._tell_why(alive[one.job])
                if alive[one.job].state == "PENDING":
                    self._queued(one)
            elif one.missing is None:
                one.missing = time.monotonic()
            elif time.monotonic() - one.missing > GRACE_SECONDS:
                self._read(one)
                if one.bundle.key in self.running:
                    lost.append(one)
        for one in lost:
            self._lost(one)

    def _tell_why(self, job: Job) -> None:
        """Tell once for what a job waits, unless it waits for its turn."""
        number = job.id.partition("_")[0]
        if job.stuck and (number, job.reason) not in self.told:
            self.told.add((number, job.reason))
            log.warning("job %s waits: %s; squeue and scontrol tell more", number, job.reason)

    def _queued(self, one: _Running) -> None:
        """Tell once that Slurm has put a job back in the queue, as it does if a node is lost."""
        if not one.queued and any(entry.job == one.job for entry in one.tail.entries):
            one.queued = True
            log.warning(
                "%s: lost its node; Slurm has queued job %s again", one.bundle.name, one.job
            )

    def _lost(self, one: _Running) -> None:
        """Submit a bundle again whose job was lost, or let its cells fail."""
        del self.running[one.bundle.key]
        if not self._to_compute(one.bundle):
            return
        state = last_state(one.job)
        broken = [entry.message for entry in one.tail.entries if entry.event == "broken"]
        why = broken[-1] if broken else state or "Slurm knows it no more"
        self.times[one.bundle.key] += 1
        times = self.times[one.bundle.key]
        if state == "CANCELLED" or times > MOST_TIMES:
            self._fail(one, f"its job {one.job} was lost: {why}")
            return
        text = "%s: job %s was lost: %s; it is submitted again, %d of %d times"
        log.warning(text, one.bundle.name, one.job, why, times, MOST_TIMES)
        self._submit([one.bundle])
        self.running[one.bundle.key].tail = one.tail  # what was read is not told again

    def _fail(self, one: _Running, why: str) -> None:
        """Let the cells of a bundle fail that have no outcome."""
        message = f"{why}; log: {self.files.log(one.job)}"
        for cell in one.bundle.cells:
            if not self.store.has(cell.key):
                self._know(Failed(cell, message))
            else:
                self._know(Done(cell, stored=False, seconds=self.store.seconds(cell.key)))


def _ignore(_: Step) -> None:
    """Ignore progress."""
