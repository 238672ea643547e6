"""The driver of a run on Slurm: it submits bundles, follows their jobs, and reports outcomes."""

import logging
import secrets
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ood_bench.cells.context import WorkContext
from ood_bench.execute.cluster import Cluster
from ood_bench.execute.driver import MOST_TIMES, Driver, Running
from ood_bench.execute.executor import Outcome
from ood_bench.execute.journal import Entry, Part, RunFiles, Submission
from ood_bench.execute.slurm_jobs import Job, SlurmError, cancel, last_state, own_jobs, submitted
from ood_bench.execute.slurm_task import SlurmTask
from ood_bench.execute.waves import arrays_of
from ood_bench.plan import Bundle, Plan
from ood_bench.store import Store

QUEUE_SECONDS = 5.0
"""Time between two questions to Slurm."""

GRACE_SECONDS = 20.0
"""How long the files of a job that has ended may show less than it wrote."""

log = logging.getLogger(__name__)


@dataclass
class _Submitted(Running):
    """A bundle that was submitted to Slurm.

    Attributes:
        missing: When Slurm was first seen not to know the job any more.
    """

    missing: float | None = None


class SlurmDriver(Driver[_Submitted]):
    """Submits bundles as jobs of Slurm, follows them, and reports the outcomes of cells."""

    def __init__(
        self, cluster: Cluster, plan: Plan, store: Store, context: WorkContext, files: RunFiles
    ) -> None:
        super().__init__(plan, store, context, files)
        self.cluster = cluster
        self.by_key = {one.key: one for one in self.bundles}
        self.submissions: list[Submission] = []
        self.times: Counter[str] = Counter()
        self.told: set[tuple[str, str]] = set()
        self.asked = 0.0

    def run(self) -> Iterator[Outcome]:
        """Yield the outcome of each cell."""
        self._join()
        while True:
            yield from self.new()
            if not self.schedule:
                return
            if not self.running and not self.late:
                self._submit_wave()
                continue
            time.sleep(self.pause)
            self.look_again()
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

    def place(self, entry: Entry) -> str:
        """Return the node and the job."""
        return f"{entry.host}, job {entry.job}"

    def log(self, job: str) -> Path:
        """Return the job's standard error."""
        return self.files.log(job)

    def _submit_wave(self) -> None:
        """Submit the first wave of bundles that have cells without an outcome."""
        (wave, *_) = arrays_of(self.bundles, self.settled)
        for bundles in wave:
            self._submit(bundles)

    def _submit(self, bundles: Iterable[Bundle]) -> None:
        """Submit bundles of one kind as one job array."""
        work = {one.key: (one, self.to_compute(one)) for one in bundles}
        gpu = next(one.gpu for one, _ in work.values())
        name = f"ood-bench-{secrets.token_hex(4)}"
        parts = tuple(
            Part(key=key, name=one.name, cells=len(cells)) for key, (one, cells) in work.items()
        )
        submission = Submission(name=name, parts=parts)
        place = len(self.submissions)
        self.submissions.append(submission)
        self.files.keep(submission, place)
        jobs = [self.job(SlurmTask, one, cells) for one, cells in work.values()]
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

    def _follow(self, submission: Submission) -> None:
        """Follow the jobs of a submission."""
        for key, job in submission.jobs().items():
            former = self.running.get(key)
            tail = former.tail if former else self.files.tail(key)
            self.running[key] = _Submitted(self.by_key[key], job, tail)

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

    def _read(self, one: _Submitted, *, quiet: bool = False) -> None:
        """Read what the job of a bundle has written; it is followed until it has ended."""
        if self.read(one, quiet=quiet) and not self.to_compute(one.bundle):
            self.running.pop(one.bundle.key, None)

    def _ask(self) -> None:
        """Ask Slurm which jobs are left; those that are gone without an end are lost."""
        self.asked = time.monotonic()
        try:
            alive = {job.id: job for job in own_jobs()}
        except SlurmError as error:
            log.warning("%s; asking again", error)
            return
        lost: list[_Submitted] = []
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

    def _queued(self, one: _Submitted) -> None:
        """Tell once that Slurm has put a job back in the queue, as it does if a node is lost."""
        if one.began == one.job and not one.queued:
            one.queued = True
            log.warning(
                "%s: lost its node; Slurm has queued job %s again", one.bundle.name, one.job
            )

    def _lost(self, one: _Submitted) -> None:
        """Submit a bundle again whose job was lost, or let its cells fail."""
        del self.running[one.bundle.key]
        if not self.to_compute(one.bundle):
            return
        state = last_state(one.job)
        broken = [entry.message for entry in one.tail.entries if entry.event == "broken"]
        why = broken[-1] if broken else state or "Slurm knows it no more"
        self.times[one.bundle.key] += 1
        times = self.times[one.bundle.key]
        if state == "CANCELLED" or times > MOST_TIMES:
            self.fail(one.bundle, f"its job {one.job} was lost: {why}; log: {self.log(one.job)}")
            return
        text = "%s: job %s was lost: %s; it is submitted again, %d of %d times"
        log.warning(text, one.bundle.name, one.job, why, times, MOST_TIMES)
        self._submit([one.bundle])
        again = self.running[one.bundle.key]
        again.tail, again.began = one.tail, one.began  # what was read is not told again
