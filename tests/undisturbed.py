"""Runs in processes of their own, and what one that nothing disturbs leaves."""

import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from tests.conftest import SUITE
from tests.stored import members

LONG = SUITE.replace("steps: 20,", "steps: 300,").replace("[low, black]", "[low]")
"""A suite whose two trainings take seconds."""


class Undisturbed(NamedTuple):
    """What a run of `LONG` in one process took and left."""

    seconds: float
    outputs: dict[str, bytes]


def start(tiny: Path, results: str, jobs: int = 1) -> "subprocess.Popen[bytes]":
    command = "from ood_bench.cli import main; main()"
    arguments = ["run", tiny, "--results", results, "--checkpoint-seconds", "0.2", "--jobs", jobs]
    return subprocess.Popen(
        [sys.executable, "-c", command, *map(str, arguments)],
        cwd=tiny.parent,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )


def finish(process: "subprocess.Popen[bytes]") -> str:
    _, err = process.communicate(timeout=600)
    assert process.returncode == 0, err.decode()
    return err.decode()


def outputs(tiny: Path, results: str) -> dict[str, bytes]:
    """Return the bytes of all that must not depend on a kill, by cell and file."""
    names = (
        *("metrics.json", "columns.parquet", "scores.parquet", "weights.safetensors"),
        *("course.parquet", "table.parquet", "findings.json"),
    )
    return {
        f"{key}/{name}": path.read_bytes()
        for name in names
        for key, path in members(tiny.parent / results, name).items()
    }
