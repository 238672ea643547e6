"""A cell that another run works on comes last, whichever executor waits for it."""

import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
from tests.unit.test_bundle_job import images_alone

from ood_bench.cells.context import WorkContext
from ood_bench.data import Library
from ood_bench.execute import Executor, Inline, Processes
from ood_bench.plan import Plan
from ood_bench.registry import Registry
from ood_bench.store import Store


@pytest.mark.parametrize("executor", [Inline(), Processes(jobs=1)], ids=["inline", "processes"])
def test_the_others_are_computed_first(
    executor: Executor, plan: Plan, tiny: Path, caplog: pytest.LogCaptureFixture
) -> None:
    few = replace(plan, cells=images_alone(plan).cells)
    first, *others = few.cells
    assert others
    store = Store(tiny.parent / "store")
    lock = store.lock(first.key)
    assert lock.take()

    def release() -> None:
        until = time.monotonic() + 120
        while time.monotonic() < until and not caplog.messages:
            time.sleep(0.1)
        lock.release()

    thread = threading.Thread(target=release)
    thread.start()
    context = WorkContext(Registry(tiny.parent), Library(root=None, index=None), device="cpu")
    done = [outcome.cell.key for outcome in executor.run(few, Store(store.root), context)]
    thread.join()
    assert done == [*(cell.key for cell in others), first.key]
    assert caplog.messages == [f"waiting for another run that works on {first.name}"]
    assert not list(store.root.glob("held/[0-9a-f]*"))
