"""A bundle as a job of Slurm, as submitit calls it on a node."""

import logging
import os
import platform
import signal
from dataclasses import dataclass
from types import FrameType
from typing import TYPE_CHECKING

from ood_bench.execute.bundle_job import BundleJob
from ood_bench.execute.journal import RunFiles, Writer
from ood_bench.streams import steady_streams

if TYPE_CHECKING:
    from submitit.helpers import DelayedSubmission


@dataclass(frozen=True)
class SlurmTask(BundleJob):
    """A bundle as a job of Slurm; called on a node."""

    def __call__(self) -> None:
        """Compute the cells, and write what comes of each to the run's files."""
        steady_streams()
        logging.basicConfig(level=logging.WARNING, format="%(message)s")
        _end_if_cancelled(RunFiles(self.folder))
        self.compute(self._writer())

    def checkpoint(self) -> "DelayedSubmission":
        """Return what Slurm runs when it starts the job again, preempted or out of time."""
        from submitit.helpers import DelayedSubmission

        self._writer().say("stopped")
        return DelayedSubmission(self)

    def _writer(self) -> Writer:
        return Writer(RunFiles(self.folder), self.bundle, job=_job(), host=_host())


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
