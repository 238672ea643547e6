"""Jobs of Slurm: submitted by submitit, and as Slurm's own commands show them.

Accounting, which many clusters lack, is not asked.
"""

import os
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ood_bench.errors import OodBenchError

if TYPE_CHECKING:
    from ood_bench.execute.cluster import Cluster
    from ood_bench.execute.slurm_task import SlurmTask

SECONDS = 60
"""How long a command of Slurm may take."""

_USUAL = ("None", "Priority", "Resources", "BeginTime", "JobArrayTaskLimit", "Prolog", "Cleaning")
"""Reasons to wait that pass by themselves."""

_STATE = re.compile(r"\bJobState=(\w+)")


class SlurmError(OodBenchError):
    """A command of Slurm failed."""


class Job(NamedTuple):
    """A job in the queue or running.

    Attributes:
        id: Its number, with the place in its array.
        state: Such as `PENDING` or `RUNNING`.
        reason: Why it waits.
        name: Its name.
    """

    id: str
    state: str
    reason: str
    name: str

    @property
    def stuck(self) -> bool:
        """Whether it waits for something other than its turn, such as a user or another limit."""
        return self.state == "PENDING" and self.reason not in _USUAL


def own_jobs() -> list[Job]:
    """Return this user's jobs that have not ended, each element of an array by itself.

    Raises:
        SlurmError: If Slurm does not answer.
    """
    out = _run("squeue", "--noheader", "--array", f"--user={os.getuid()}", "--format=%i|%T|%r|%j")
    lines = (line.strip().split("|", 3) for line in out.splitlines())
    return [Job(*line) for line in lines if len(line) == 4]


def submitted(
    cluster: "Cluster", logs: Path, name: str, jobs: "list[SlurmTask]", *, gpu: bool
) -> str:
    """Submit jobs as an array and return its number.

    Args:
        cluster: What each job asks for.
        logs: The folder of submitit, with the jobs' logs.
        name: The name of the jobs, which no other submission has.
        jobs: The jobs.
        gpu: Whether each is given a GPU.

    Raises:
        SlurmError: If Slurm refuses them.
    """
    import submitit

    options: dict[str, Any] = dict(cluster.options(gpu=gpu))
    cpus = options.pop("cpus-per-task")
    executor = submitit.SlurmExecutor(logs, max_num_timeout=cluster.timeouts)
    try:
        executor.update_parameters(
            job_name=name,
            time=options.pop("time"),
            cpus_per_task=cpus,
            setup=cluster.preparation(gpu=gpu),
            srun_args=[f"--cpus-per-task={cpus}"],  # which srun does not take from sbatch
            array_parallelism=cluster.at_a_time,
            additional_parameters=options,
        )
        submitted = executor.submit_array(jobs)
    except (RuntimeError, ValueError) as error:
        said = " ".join(str(error).split())
        raise SlurmError(f"sbatch: {said}") from error
    return str(submitted[0].job_id).partition("_")[0]


def last_state(job: str) -> str:
    """Return the state of a job that has ended, as far as Slurm remembers it; otherwise empty."""
    try:
        found = _STATE.search(_run("scontrol", "show", "job", job))
    except SlurmError:
        return ""
    return found[1] if found else ""


def cancel(names: Sequence[str]) -> None:
    """Cancel this user's jobs of some names.

    Raises:
        SlurmError: If Slurm does not answer.
    """
    for name in names:
        _run("scancel", f"--user={os.getuid()}", f"--name={name}")


def _run(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=True)
    except FileNotFoundError as error:
        raise SlurmError(f"{command[0]}: there is no such command here") from error
    except subprocess.TimeoutExpired as error:
        raise SlurmError(f"{command[0]}: no answer within {SECONDS} s") from error
    except subprocess.CalledProcessError as error:
        said = " ".join((error.stderr or "").split()) or f"exit status {error.returncode}"
        raise SlurmError(f"{command[0]}: {said}") from error
    return done.stdout
