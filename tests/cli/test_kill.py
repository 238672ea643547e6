"""A run killed at any moment, and two at once: the next one ends as if nothing had been."""

import random
import signal
import subprocess
from pathlib import Path

import pytest
from tests.undisturbed import LONG, Undisturbed, finish, outputs, start

from ood_bench.files import UNFINISHED


def killed_once(tiny: Path, results: str, after: float, jobs: int = 1) -> bool:
    process = start(tiny, results, jobs)
    try:
        process.communicate(timeout=after)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.communicate()
        return True
    return False


def check_kills(tiny: Path, undisturbed: Undisturbed, kills: int) -> None:
    tiny.write_text(LONG)
    moments = random.Random(0)
    for i in range(kills):
        after, results = moments.uniform(0.3, 1.0) * undisturbed.seconds, f"killed-{i}"
        while not killed_once(tiny, results, after):  # it was faster than the undisturbed one
            after, results = 0.7 * after, f"{results}-sooner"
        finish(start(tiny, results))
        assert outputs(tiny, results) == undisturbed.outputs


def test_a_run_killed_while_it_trains_ends_with_the_same_bytes(
    tiny: Path, undisturbed: Undisturbed
) -> None:
    check_kills(tiny, undisturbed, kills=1)


@pytest.mark.slow
def test_runs_killed_at_twenty_random_moments_end_with_the_same_bytes(
    tiny: Path, undisturbed: Undisturbed
) -> None:
    check_kills(tiny, undisturbed, kills=20)


def left_behind(tiny: Path, results: str) -> list[Path]:
    """Return what a run should not leave: unfinished work, locks, files of other names."""
    root = tiny.parent / results
    work = [path for name in ("held", "partial") for path in (root / "store" / name).iterdir()]
    return [*work, *root.rglob(f"*{UNFINISHED}")]


def check_repeated_kills(tiny: Path, undisturbed: Undisturbed, kills: int) -> None:
    """Kill runs in two processes up to three times each, then let each end."""
    tiny.write_text(LONG)
    moments, done, number = random.Random(1), 0, 0
    while done < kills:
        number += 1
        results = f"killed-{number}"
        for _ in range(moments.randint(1, 3)):
            after = moments.uniform(0.1, 1.0) * undisturbed.seconds
            done += killed_once(tiny, results, after, jobs=2)
        finish(start(tiny, results, jobs=2))
        assert outputs(tiny, results) == undisturbed.outputs
        assert left_behind(tiny, results) == []


def test_a_run_in_two_processes_killed_again_and_again_leaves_nothing_behind(
    tiny: Path, undisturbed: Undisturbed
) -> None:
    check_repeated_kills(tiny, undisturbed, kills=1)


@pytest.mark.slow
def test_two_hundred_kills_of_runs_in_two_processes_lose_nothing(
    tiny: Path, undisturbed: Undisturbed
) -> None:
    check_repeated_kills(tiny, undisturbed, kills=200)


def test_two_runs_on_one_store_at_once_do_not_harm_each_other(
    tiny: Path, undisturbed: Undisturbed
) -> None:
    tiny.write_text(LONG)
    both = [start(tiny, "shared") for _ in range(2)]
    for process in both:
        finish(process)
    assert outputs(tiny, "shared") == undisturbed.outputs
    assert not list((tiny.parent / "shared/store/partial").iterdir())
