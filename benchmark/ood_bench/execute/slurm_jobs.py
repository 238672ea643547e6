"""Jobs as Slurm's own commands show them; accounting, which many clusters lack, is not asked."""

import os
import re
import subprocess
from collections.abc import Sequence
from typing import NamedTuple

from ood_bench.errors import OodBenchError

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
