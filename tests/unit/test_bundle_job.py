"""A bundle as a job: its cells one after the other, and what it writes of them."""

import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ood_bench.cells.context import WorkContext
from ood_bench.data import Library
from ood_bench.execute.journal import RunFiles
from ood_bench.execute.slurm_task import SlurmTask
from ood_bench.plan import Bundle, Plan, bundles_of
from ood_bench.registry import Registry
from ood_bench.store import Store


@pytest.fixture(autouse=True)
def node(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The variables of a job on a node."""
    for name, value in (("JOB_ID", "8"), ("ARRAY_JOB_ID", "7"), ("ARRAY_TASK_ID", "1")):
        monkeypatch.setenv(f"SLURM_{name}", value)
    monkeypatch.setenv("SLURMD_NODENAME", "n1")
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


def job(bundle: Bundle, tiny: Path) -> SlurmTask:
    library = Library(root=None, index=None)
    context = WorkContext(Registry(tiny.parent), library, device="auto")
    folder = tiny.parent / "run"
    return SlurmTask(bundle.key, bundle.cells, bundle.gpu, folder, tiny.parent / "store", context)


def images_alone(plan: Plan) -> Bundle:
    """Return the bundle with most cells among those that no model takes part in."""
    found = [one for one in bundles_of(plan.cells) if not one.gpu and not one.needs]
    return max(found, key=lambda one: len(one.cells))


def test_a_job_writes_each_outcome_with_its_job_and_node(plan: Plan, tiny: Path) -> None:
    bundle = images_alone(plan)
    job(bundle, tiny)()
    entries = RunFiles(tiny.parent / "run").tail(bundle.key).read()
    assert [entry.event for entry in entries] == [
        "began",
        *["cell", "done"] * len(bundle.cells),
        "ended",
    ]
    assert {(entry.job, entry.host) for entry in entries} == {("7_1", "n1")}
    store = Store(tiny.parent / "store")
    assert all(store.has(cell.key) for cell in bundle.cells)
    job(bundle, tiny)()
    again = RunFiles(tiny.parent / "run").tail(bundle.key).read()[len(entries) :]
    assert [entry.stored for entry in again if entry.event == "done"] == [True] * len(bundle.cells)


def test_a_cell_that_another_process_works_on_comes_last(plan: Plan, tiny: Path) -> None:
    bundle = images_alone(plan)
    assert len(bundle.cells) > 1
    first, *others = (cell.key for cell in bundle.cells)
    store = Store(tiny.parent / "store")
    lock = store.lock(first)
    assert lock.take()

    def release() -> None:
        until = time.monotonic() + 60
        while time.monotonic() < until and not all(store.has(key) for key in others):
            time.sleep(0.1)
        lock.release()

    thread = threading.Thread(target=release)
    thread.start()
    job(bundle, tiny)()
    thread.join()
    entries = RunFiles(tiny.parent / "run").tail(bundle.key).read()
    assert [entry.key for entry in entries if entry.event == "done"] == [*others, first]


def test_what_slurm_starts_again_is_the_same_job(plan: Plan, tiny: Path) -> None:
    pytest.importorskip("submitit")
    bundle = images_alone(plan)
    stopped = job(bundle, tiny)
    again = stopped.checkpoint()
    assert again.function == stopped
    (entry,) = RunFiles(tiny.parent / "run").tail(bundle.key).read()
    assert (entry.event, entry.job) == ("stopped", "7_1")


def test_a_signal_to_end_ends_a_job_that_the_driver_cancelled_alone(
    plan: Plan, tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLURM_JOB_NAME", "ood-bench-1")
    job(images_alone(plan), tiny)()
    signal.raise_signal(signal.SIGTERM)  # as before a preemption
    RunFiles(tiny.parent / "run").cancel("ood-bench-1")
    with pytest.raises(SystemExit):
        signal.raise_signal(signal.SIGTERM)


def test_an_unexpected_error_is_written_and_raised(
    plan: Plan, tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ood_bench.execute import in_turn

    def broken(*_: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(in_turn, "finish", broken)
    bundle = images_alone(plan)
    with pytest.raises(OSError, match="no space left"):
        job(bundle, tiny)()
    entries = RunFiles(tiny.parent / "run").tail(bundle.key).read()
    assert entries[-1].event == "broken"
    assert entries[-1].message == "OSError: no space left"
