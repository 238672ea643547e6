"""A run in several processes: the same results, and no process left behind."""

import signal
import subprocess
import time
from pathlib import Path

import psutil
import pytest
from tests.conftest import SUITE, Command
from tests.stored import members
from tests.undisturbed import LONG, Undisturbed, finish, outputs, start

DEADLY = """\
import os, signal
from ood_bench.detectors.likelihood import Likelihood


class Deadly(Likelihood):
    \"\"\"Ends its process.\"\"\"

    def fit(self, held_out):
        os.kill(os.getpid(), signal.SIGKILL)
"""

BUSY = """\
import multiprocessing
from ood_bench.detectors.likelihood import Likelihood


class Busy(Likelihood):
    \"\"\"Has a process of its own.\"\"\"

    def fit(self, held_out):
        child = multiprocessing.get_context("spawn").Process(target=print)
        child.start()
        child.join()
        return super().fit(held_out)
"""


def training(tiny: Path, results: str) -> "tuple[subprocess.Popen[bytes], list[psutil.Process]]":
    """Start a run in two processes; return it once one of them has left a checkpoint."""
    process = start(tiny, results, jobs=2)
    children: list[psutil.Process] = []
    until = time.monotonic() + 60
    while not list((tiny.parent / results / "store").glob("partial/*/training/*")):
        assert time.monotonic() < until
        assert process.poll() is None
        children = psutil.Process(process.pid).children(recursive=True)
        time.sleep(0.02)
    assert children
    return process, children


def test_a_run_in_two_processes_gives_the_same_bytes(tiny: Path) -> None:
    finish(start(tiny, "one"))
    err = finish(start(tiny, "two", jobs=2))
    assert outputs(tiny, "two") == outputs(tiny, "one")
    assert "train/glow@low/0 in" in err


def test_a_killed_run_leaves_no_process_and_ends_with_the_same_bytes(
    tiny: Path, undisturbed: Undisturbed
) -> None:
    tiny.write_text(LONG)
    process, children = training(tiny, "killed")
    process.send_signal(signal.SIGKILL)
    process.communicate()
    _, alive = psutil.wait_procs(children, timeout=20)
    assert not alive
    finish(start(tiny, "killed", jobs=2))
    assert outputs(tiny, "killed") == undisturbed.outputs


def test_a_process_that_dies_fails_its_cell_alone(tiny: Path, ood_bench: Command) -> None:
    (tiny.parent / "deadly.py").write_text(DEADLY)
    tiny.write_text(
        SUITE.replace(
            "detectors: [likelihood, typicality, input_complexity]",
            "detectors: {likelihood: , typicality: , deadly: {use: './deadly.py:Deadly'}}",
        ).replace("[histogram, roc, extremes, course]", "[]")
    )
    ran = ood_bench("run", tiny, "--jobs", 2)
    assert ran.status == 1
    lines = [line for line in ran.err.splitlines() if line.startswith("failed: detect/glow@low")]
    assert lines
    assert all("ended by SIGKILL" in line for line in lines)
    metrics = [line for line in ran.err.splitlines() if line.startswith("failed: metric/glow@low")]
    assert all("needs detect/" in line for line in metrics)
    scores = members(tiny.parent / "results", "scores.parquet")
    assert len(scores) == 2 * 2 * 3  # two models, two detectors, three data sets


def test_a_cell_may_have_processes_of_its_own(tiny: Path, ood_bench: Command) -> None:
    (tiny.parent / "busy.py").write_text(BUSY)
    tiny.write_text(
        SUITE.replace(
            "detectors: [likelihood, typicality, input_complexity]",
            "detectors: {busy: {use: './busy.py:Busy'}}",
        ).replace("[histogram, roc, extremes, course]", "[histogram]")
    )
    ran = ood_bench("run", tiny, "--jobs", 2, "--only", "detect/*busy")
    assert ran.status == 0, ran.err


def test_an_interrupted_run_ends_its_processes(tiny: Path) -> None:
    tiny.write_text(LONG)
    process, children = training(tiny, "interrupted")
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err.decode()
    _, alive = psutil.wait_procs(children, timeout=20)
    assert not alive


@pytest.mark.parametrize("jobs", ["0", "many"])
def test_a_number_of_jobs_that_cannot_be_is_one_line(
    tiny: Path, ood_bench: Command, jobs: str
) -> None:
    ran = ood_bench("run", tiny, "--jobs", jobs)
    assert ran.status == 2
    assert len(ran.err.splitlines()) == 1
    assert "--jobs" in ran.err
