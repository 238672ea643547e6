"""A bundle as a job: its cells one after the other, and what it writes of them."""

import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from ood_bench.cells.context import WorkContext
from ood_bench.data import Library
from ood_bench.execute import Done, load_cluster
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


def test_what_another_bundle_finished_is_waited_for_and_then_computed_again(
    plan: Plan, tiny: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from ood_bench.execute import bundle_job

    monkeypatch.setattr(bundle_job, "INPUT_SECONDS", 0.0)
    cells = {cell.key: cell for one in bundles_of(plan.cells) if not one.gpu for cell in one.cells}
    last = next(cell for cell in cells.values() if cell.inputs and cell.kind.startswith("audit"))
    first = [cells[key] for key in cells if key in last.inputs.values()]
    part = Bundle(cells=(last,), needs=(), wave=1)
    made = replace(job(part, tiny), before=tuple(cells.values()))
    made()
    store = Store(tiny.parent / "store")
    assert {*store.finished_keys()} == {last.key, *(cell.key for cell in first)}
    assert first
    assert all(f"{cell.name} is finished but not visible" in caplog.text for cell in first)
    done = [entry for entry in RunFiles(tiny.parent / "run").tail(part.key).read() if entry.key]
    assert done[-1].event == "done"
    assert done[-1].key == last.key


def test_the_driver_believes_a_job_once_the_store_shows_what_it_did(
    plan: Plan, tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ood_bench.execute import driver as drivers
    from ood_bench.execute.slurm_driver import SlurmDriver

    store, files = Store(tiny.parent / "store"), RunFiles(tiny.parent / "run")
    context = WorkContext(Registry(tiny.parent), Library(root=None, index=None), device="cpu")
    driver = SlurmDriver(load_cluster({}), plan, store, context, files)
    (cell, *_) = images_alone(plan).cells
    driver.know(Done(cell, stored=False, seconds=1.0))
    assert cell not in [outcome.cell for outcome in driver.new()]
    assert driver.late == {cell.key}
    with Store(store.root).write(cell) as folder:
        for name in cell.spec.files:
            (folder / name).touch()
    driver.look_again()
    assert [outcome.cell for outcome in driver.new()] == [cell]
    store.remove(cell.key)
    monkeypatch.setattr(drivers, "INPUT_SECONDS", 0.0)
    again = SlurmDriver(load_cluster({}), plan, store, context, files)
    again.know(Done(cell, stored=False, seconds=1.0))
    assert not list(again.new())
    assert not again.late
    assert again.again == {cell.key}
    bundle = next(one for one in again.bundles if cell in one.cells)
    assert cell in again.to_compute(bundle)
    for _ in range(drivers.MOST_TIMES - 1):
        again.know(Done(cell, stored=False, seconds=1.0))
        assert not list(again.new())
    again.know(Done(cell, stored=False, seconds=1.0))
    failed = next(outcome for outcome in again.new() if outcome.cell == cell)
    assert "the store does not show it" in str(failed)


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
