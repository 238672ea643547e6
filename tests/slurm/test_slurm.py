"""Runs on a real Slurm: the same bytes as without it, whatever is killed meanwhile."""

import importlib.util
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from tests.conftest import write_tiny
from tests.driven import (
    ENDLESS,
    LONG,
    end_all,
    ended,
    interrupted,
    locks,
    said,
    start,
    training,
    until,
)
from tests.packaging.pages import QUICK
from tests.undisturbed import outputs

SUITES = Path(__file__).parents[2] / "suites"
SCRIPT = Path(__file__).with_name("cluster.sh")
CLUSTER = "partition: main\ntime: 60\nat_a_time: 2\n"

LACKS = [
    *(name for name in ("slurmctld", "slurmd", "munged", "sbatch") if shutil.which(name) is None),
    *(name for name in ("submitit",) if importlib.util.find_spec(name) is None),
    *([] if os.getuid() == 0 else ["root"]),
]
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(bool(LACKS), reason=f"a Slurm for tests needs {', '.join(LACKS)}"),
]


@pytest.fixture(scope="module")
def slurm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of a Slurm of two nodes, t1 and t2; SLURM_CONF names it."""
    folder = tmp_path_factory.mktemp("slurm")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SLURM_CONF", str(folder / "slurm.conf"))
        patch.setenv("OMP_NUM_THREADS", "1")
        if subprocess.run([SCRIPT, "up", folder], check=False).returncode:
            subprocess.run([SCRIPT, "down", folder], check=True)
            pytest.skip("Slurm does not start on this machine")
        yield folder
        subprocess.run([SCRIPT, "down", folder], check=True)


@pytest.fixture(autouse=True)
def nothing_is_left(slurm: Path) -> Iterator[None]:
    """End the drivers and jobs that a test has left."""
    yield
    end_all()
    subprocess.run(["scancel", f"--user={os.getuid()}", "--signal=KILL"], check=True)
    subprocess.run(["scancel", f"--user={os.getuid()}"], check=True)
    until(lambda: not jobs())


@pytest.fixture
def long(
    slurm: Path, tmp_path: Path, digits: "dict[str, object]", monkeypatch: pytest.MonkeyPatch
) -> Path:
    """A suite whose trainings take half a minute."""
    path = write_tiny(tmp_path, digits)  # type: ignore[arg-type]  # as in conftest
    path.write_text(LONG)
    (tmp_path / "cluster.yaml").write_text(CLUSTER)
    monkeypatch.delenv("OOD_BENCH_DATA", raising=False)
    return path


@pytest.fixture(scope="module")
def undisturbed(
    tmp_path_factory: pytest.TempPathFactory, digits: "dict[str, object]"
) -> dict[str, bytes]:
    """What the suite gives without a cluster."""
    folder = tmp_path_factory.mktemp("undisturbed")
    path = write_tiny(folder, digits)  # type: ignore[arg-type]
    path.write_text(LONG)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OMP_NUM_THREADS", "1")
        ended(start(path, "--executor", "inline"))
    return outputs(path, "results")


def driven(suite: Path, *arguments: object) -> "subprocess.Popen[str]":
    return start(suite, "--executor", "slurm", "--cluster", "cluster.yaml", *arguments)


def jobs() -> dict[str, str]:
    """Return the node of each running job."""
    command = ["squeue", "--noheader", "--array", "--states=R", "--format=%i|%N"]
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return dict(line.strip().split("|") for line in out.splitlines())


def test_a_preempted_job_resumes_and_a_driver_that_dies_is_replaced(
    long: Path, undisturbed: dict[str, bytes]
) -> None:
    first = driven(long)
    training(long)
    job, node = next(iter(jobs().items()))
    subprocess.run(["scancel", "--signal=USR2", job], check=True)
    journals = long.parent / "results" / "slurm"
    until(lambda: any('"stopped"' in path.read_text() for path in journals.rglob("*.jsonl")))
    time.sleep(3.0)  # the driver looks once a second
    first.send_signal(signal.SIGKILL)
    _, err = first.communicate()
    former = err.splitlines()
    assert len(said(former, f"stopped on {node}, preempted or out of time")) == 1
    lines = ended(driven(long))
    for model in ("glow", "cv-glow"):  # both drivers may tell of the same training
        told = said([*former, *lines], f"train/{model}@low/0 in ")
        assert len({line.partition("] ")[2] for line in told}) == 1
    assert len(said(lines, "joined job")) == 1
    assert not said(lines, "with a GPU")  # no training was submitted again
    assert outputs(long, "results") == undisturbed
    assert not (long.parent / "results" / "slurm").exists()


def test_a_lost_nodes_training_resumes_on_another(
    slurm: Path, long: Path, undisturbed: dict[str, bytes]
) -> None:
    run = driven(long)
    training(long)
    job, node = next(iter(jobs().items()))
    lose(slurm, node)
    time.sleep(20.0)  # until Slurm has missed it
    subprocess.run([SCRIPT, "node", slurm, node], check=True)
    lines = ended(run)
    assert len(said(lines, f"lost its node; Slurm has queued job {job} again")) == 1
    assert len(said(lines, "started again on")) == 1
    assert outputs(long, "results") == undisturbed


def lose(slurm: Path, node: str) -> None:
    """Kill all that runs on a node, its daemon first."""
    daemon = psutil.Process(int((slurm / f"{node}.pid").read_text()))
    daemon.kill()
    daemon.wait(10)
    work = [process for process in psutil.process_iter() if of_node(process, node)]
    above = {parent for process in work for parent in process.parents()}
    steps = [process for process in above if process.name().startswith("slurmstepd")]
    for process in (*steps, *work):
        with suppress(psutil.NoSuchProcess):
            process.kill()


def of_node(process: psutil.Process, node: str) -> bool:
    try:
        return process.environ().get("SLURMD_NODENAME") == node
    except psutil.Error:
        return False


def test_an_interrupted_run_cancels_its_jobs_and_a_detached_one_leaves_them(long: Path) -> None:
    long.write_text(ENDLESS)
    run = driven(long, "--detach")
    training(long)
    assert len(said(interrupted(run), "left running: job")) == 1
    assert len(jobs()) == 2
    run = driven(long)
    until(lambda: psutil.Process(run.pid).cpu_times().user > 0 and len(jobs()) == 2)
    assert run.stderr is not None
    for line in run.stderr:
        if "joined job" in line:
            break
    assert len(said(interrupted(run), "cancelled the jobs of this run")) == 1
    until(lambda: not jobs(), 20.0)
    assert not locks(long)


def test_the_quickstart_gives_the_same_bytes(
    slurm: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OOD_BENCH_DATA", raising=False)
    suite = tmp_path / "suite.yaml"
    suite.write_text(f"extends: {SUITES / 'quickstart-train.yaml'}\n")
    (tmp_path / "cluster.yaml").write_text(CLUSTER)
    less = ("--scale", 0.05, *QUICK[QUICK.index("--set") :])
    lines = ended(driven(suite, *less, "--results", "slurm"))
    assert len(said(lines, "submitted job")) == 2
    ended(start(suite, *less, "--results", "inline", "--executor", "inline"))
    assert outputs(suite, "slurm") == outputs(suite, "inline")
