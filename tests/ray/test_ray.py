"""Runs on a real Ray: the same bytes as without it, whatever is killed meanwhile."""

import importlib.util
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

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
from tests.undisturbed import outputs

NODES = Path(__file__).with_name("nodes.py")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        importlib.util.find_spec("ray") is None, reason="a Ray cluster for tests needs ray"
    ),
]


class Nodes:
    """A Ray cluster of two nodes.

    Attributes:
        address: Its address.
    """

    def __init__(self, folder: Path) -> None:
        self._errors = (folder / "nodes.err").open("w")
        self._process = subprocess.Popen(
            [sys.executable, str(NODES)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )
        self.address = self._next()

    def _next(self) -> str:
        assert self._process.stdout is not None
        return next(line for line in self._process.stdout if not line.startswith("20")).strip()

    def kill_one(self) -> None:
        """Kill a node that trains; another joins."""
        assert self._process.stdin is not None
        self._process.stdin.write("kill\n")
        self._process.stdin.flush()
        assert self._next() == "killed"

    def end(self) -> None:
        self._process.communicate("end\n", timeout=120)
        self._errors.close()


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nodes]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OMP_NUM_THREADS", "1")
        patch.setenv("RAY_AUTH_MODE", "disabled")
        patch.setenv(
            "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0"
        )  # 127.0.0.1 is this machine's address
        found = Nodes(tmp_path_factory.mktemp("ray"))
        yield found
        end_all()
        found.end()


@pytest.fixture
def long(
    nodes: Nodes, tmp_path: Path, digits: "dict[str, object]", monkeypatch: pytest.MonkeyPatch
) -> Iterator[Path]:
    """A suite whose trainings take half a minute, beside the file of the cluster."""
    path = write_tiny(tmp_path, digits)  # type: ignore[arg-type]  # as in conftest
    path.write_text(LONG)
    (tmp_path / "cluster.yaml").write_text(f"ray: {{address: '{nodes.address}'}}\n")
    monkeypatch.delenv("OOD_BENCH_DATA", raising=False)
    yield path
    end_all()


def driven(suite: Path) -> "subprocess.Popen[str]":
    return start(suite, "--executor", "ray", "--cluster", "cluster.yaml")


def test_a_lost_nodes_training_and_a_killed_driver_lose_nothing(nodes: Nodes, long: Path) -> None:
    run = driven(long)
    training(long)
    nodes.kill_one()
    until(lambda: any('"began"' in text for text in told_twice(long)))
    time.sleep(3.0)  # the driver looks once a second
    run.send_signal(signal.SIGKILL)
    _, err = run.communicate()
    (again,) = said(err.splitlines(), "started again on")
    assert again.startswith("train/")
    lines = ended(driven(long))
    assert not said(lines, "started again on")
    ended(start(long, "--results", "inline", "--executor", "inline"))
    assert outputs(long, "results") == outputs(long, "inline")
    assert not (long.parent / "results" / "ray").exists()


def told_twice(suite: Path) -> list[str]:
    """Return what the second process on a bundle has written, for each bundle that has one."""
    found = []
    for bundle in (suite.parent / "results" / "ray").glob("*/bundles/*"):
        files = sorted(bundle.glob("*.jsonl"), key=lambda path: path.stat().st_mtime)
        found += [path.read_text() for path in files[1:]]
    return found


def test_an_interrupted_run_cancels_its_tasks(long: Path) -> None:
    long.write_text(ENDLESS)
    run = driven(long)
    training(long)
    lines = interrupted(run)
    assert len(said(lines, "cancelled the tasks of this run")) == 1
    assert not locks(long)
    assert not (long.parent / "results" / "ray").exists()


def test_what_no_node_has_is_one_line(long: Path) -> None:
    (long.parent / "cluster.yaml").write_text("cpus: 1000\nray: {address: local:1}\n")
    assert len(said(ended(driven(long), 2), "Ray cannot be used at 'local:1'")) == 1
    (long.parent / "cluster.yaml").write_text("cpus: 1000\nray:\n")
    (line,) = ended(driven(long), 2)[-1:]
    assert line.endswith("Ray on this machine does not have what a task takes: CPU 1000")
