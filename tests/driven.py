"""Runs on other machines, started as users do, for the tests of Slurm and Ray."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from tests.conftest import SUITE

LONG = SUITE.replace("steps: 20,", "steps: 600,").replace("[high, black]", "[high]")
LONG = LONG.partition("claims:")[0]
"""A suite whose two trainings take half a minute."""

ENDLESS = LONG.replace("steps: 600,", "steps: 60000,")
"""The same with trainings that end by signals alone."""

STARTED: "list[subprocess.Popen[str]]" = []


def start(suite: Path, *arguments: object) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "ood_bench", "run", suite, "--checkpoint-seconds", 0.5]
    process = subprocess.Popen(
        [*map(str, command), *map(str, arguments)],
        cwd=suite.parent,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    STARTED.append(process)
    return process


def end_all() -> None:
    """End the runs that a test has left."""
    while STARTED:
        process = STARTED.pop()
        process.kill()
        process.wait()


def ended(process: "subprocess.Popen[str]", status: int = 0) -> list[str]:
    """Wait for a run, and return its lines."""
    _, err = process.communicate(timeout=1800)
    assert process.returncode == status, err
    return err.splitlines()


def interrupted(process: "subprocess.Popen[str]") -> list[str]:
    """Press Ctrl-C, and return the lines of the run."""
    process.send_signal(signal.SIGINT)
    return ended(process, 128 + signal.SIGINT)


def until(what: Callable[[], object], seconds: float = 180.0) -> None:
    """Wait until something is so."""
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end
        time.sleep(0.2)


def training(suite: Path) -> None:
    """Wait until both trainings have left a checkpoint."""
    store = suite.parent / "results" / "store"
    until(lambda: len(list(store.glob("partial/*/training/last.ckpt"))) == 2)


def said(lines: list[str], text: str) -> list[str]:
    return [line for line in lines if text in line]


def locks(suite: Path) -> list[Path]:
    """Return the locks of cells that are held."""
    return list((suite.parent / "results" / "store" / "held").glob("[0-9a-f]*"))
