"""Several processes on one store, without advisory locks, some of them killed: nothing is lost."""

import errno
import fcntl
import multiprocessing
import os
import random
import signal
import sys
import time
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest
from tests.conftest import SUITE
from tests.undisturbed import outputs

from ood_bench.data import Library
from ood_bench.execute import Failed, Inline, WorkContext
from ood_bench.plan import Plan, build_plan
from ood_bench.registry import Registry
from ood_bench.store import Store
from ood_bench.suite import load_suite

SMALL = (
    SUITE.replace("steps: 20,", "steps: 15,")
    .replace("analyses: [histogram, roc, extremes, course]", "analyses: [histogram]")
    .replace("evaluation: {train_images: 100,", "evaluation: {audit: false, train_images: 100,")
)

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="forks processes with threads")


def _refuse(*_: object) -> None:
    raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))


def _run(plan: Plan, registry: Registry, library: Library, root: Path, *, locks: str) -> int:
    """Run a plan on a store and return how many cells failed."""
    fcntl.flock = _refuse if locks == "refused" else lambda *_: None
    store = Store(root)
    store.clear()
    context = WorkContext(registry, library, "cpu", checkpoint_seconds=0.05)
    outcomes = list(Inline().run(plan, store, context))
    store.clear()
    for outcome in outcomes:
        if isinstance(outcome, Failed):
            sys.stderr.write(f"{outcome.cell.name}: {outcome.message}\n{outcome.traceback}\n")
    return sum(isinstance(outcome, Failed) for outcome in outcomes)


def check_trials(tiny: Path, trials: int) -> None:
    """Let two to four processes at a time run one suite on one store, and kill some of them."""
    tiny.write_text(SMALL)
    registry, library = Registry(tiny.parent), Library(root=None, index=None)
    plan = build_plan(load_suite(tiny), registry, library)
    context = multiprocessing.get_context("fork")
    given = (plan, registry, library)

    def started(results: str, locks: str) -> BaseProcess:
        root = tiny.parent / results / "store"

        def target() -> None:
            os._exit(_run(*given, root, locks=locks))

        process = context.Process(target=target)
        process.start()
        return process

    began = time.monotonic()
    alone = started("alone", "ignored")
    alone.join()
    assert alone.exitcode == 0
    whole = time.monotonic() - began
    expected = outputs(tiny, "alone")
    moments = random.Random(trials)
    for trial in range(trials):
        results = f"trial-{trial}"
        locks = moments.choice(["ignored", "refused"])
        processes = [started(results, locks) for _ in range(moments.randint(2, 4))]
        victims = moments.sample(processes, moments.randint(0, len(processes) - 1))
        for victim in victims:
            time.sleep(moments.uniform(0.0, 1.5) * whole)
            assert victim.pid is not None
            os.kill(victim.pid, signal.SIGKILL)
        for process in processes:
            process.join(timeout=300)
            allowed = (0, -signal.SIGKILL) if process in victims else (0,)
            assert process.exitcode in allowed, (trial, process.exitcode)
        last = started(results, locks)
        last.join(timeout=300)
        assert last.exitcode == 0
        assert outputs(tiny, results) == expected
        store = tiny.parent / results / "store"
        left = [path for name in ("held", "partial") for path in (store / name).iterdir()]
        assert left == []


def test_processes_on_one_store_without_advisory_locks_do_not_harm_each_other(tiny: Path) -> None:
    check_trials(tiny, trials=2)


@pytest.mark.slow
def test_three_hundred_trials_of_processes_on_one_store_lose_nothing(tiny: Path) -> None:
    check_trials(tiny, trials=300)
