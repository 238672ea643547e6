"""How far a suite spreads over workers: the real bundles and schedules in virtual time.

    python tests/speed/clusters.py suites/paper.yaml --seeds 5 --data DATA

Bundles are cut and ordered as in a run; the workers are pretended. A training takes the hours that
are given, times a factor of its own between 1/2 and 2; what other cells take was measured
(`SECONDS`). One try in fifty is lost half-way and made again, one in twenty takes three times as
long. Ray begins a bundle when those that it needs have ended, Slurm a wave when the one before has.
Printed are the makespan, the speed-up over one worker, and what bounds it: the work divided by the
workers, or the longest chain of bundles. Neither engine can be faster than the larger of both.
"""

import argparse
import heapq
import random
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))  # run as a script

from ood_bench.data import Library
from ood_bench.execute.bundle_schedule import BundleSchedule
from ood_bench.execute.waves import arrays_of
from ood_bench.plan import Bundle, build_plan, bundles_of
from ood_bench.registry import Registry
from ood_bench.suite import load_suite

SECONDS = {"score": 15.0, "detect": 0.1, "metric": 0.05, "analysis": 4.0, "audit": 3.0}
"""Mean seconds of a cell of `suites/paper-zoo.yaml` on one core with bf16 units."""

LOST, SLOW = 0.02, 0.05
WORKERS = (1, 2, 8, 64, 512)

Seconds = Sequence[float]
"""Seconds of each bundle, lost tries included."""


def ray(bundles: Sequence[Bundle], seconds: Seconds, workers: int) -> float:
    """Return the makespan of Ray's tasks: a free worker takes the first bundle that can begin."""
    order = BundleSchedule(bundles)
    busy: list[tuple[float, int]] = []
    now = 0.0
    while order or busy:
        while order and len(busy) < workers:
            place, _ = order.take()
            heapq.heappush(busy, (now + seconds[place], place))
        now, place = heapq.heappop(busy)
        order.end(place)
    return now


def slurm(bundles: Sequence[Bundle], seconds: Seconds, workers: int) -> float:
    """Return the makespan of Slurm's job arrays: a wave begins when the one before has ended."""
    places = {one.key: place for place, one in enumerate(bundles)}
    now = 0.0
    for wave in arrays_of(bundles, ()):
        free = [now] * workers
        for one in (one for array in wave for one in array):
            heapq.heappush(free, heapq.heappop(free) + seconds[places[one.key]])
        now = max(free)
    return now


def longest_chain(bundles: Sequence[Bundle], seconds: Seconds) -> float:
    """Return the seconds of the longest chain of bundles that need each other."""
    ends: list[float] = []
    for one, own in zip(bundles, seconds, strict=True):
        ends.append(own + max((ends[need] for need in one.needs), default=0.0))
    return max(ends, default=0.0)


def drawn(bundles: Sequence[Bundle], hours: float, seed: int = 0) -> Seconds:
    """Return the seconds of each bundle: its cells, lost tries, and how slow its worker is."""
    chance = random.Random(seed)
    found = []
    for one in bundles:
        once = sum(SECONDS.get(cell.kind, 0.0) for cell in one.cells)
        if one.training is not None:
            once += 3600.0 * hours * 2.0 ** chance.uniform(-1.0, 1.0)
        lost = sum(chance.random() < LOST for _ in range(3))
        found.append(once * (lost / 2 + (3.0 if chance.random() < SLOW else 1.0)))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("suite", type=Path)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--hours", type=float, nargs="+", default=[0.1, 10.0])
    given = parser.parse_args()
    loaded = load_suite(given.suite, assignments=[f"seeds={list(range(given.seeds))}"])
    library = Library(root=given.data, index=None)
    plan = build_plan(loaded, Registry(loaded.folder), library, skip_missing=True)
    bundles = bundles_of(plan.cells)
    trainings = sum(one.training is not None for one in bundles)
    waves = 1 + max(one.wave for one in bundles)
    say(
        f"{len(plan.cells):,} cells, {len(bundles):,} bundles, {trainings} trainings, {waves} waves"
    )
    engines: tuple[Callable[[Sequence[Bundle], Seconds, int], float], ...] = (ray, slurm)
    for hours in given.hours:
        seconds = drawn(bundles, hours)
        work, chain = sum(seconds), longest_chain(bundles, seconds)
        say(f"\na training takes {hours:g} h: {work / 3600:.1f} h of work, the longest chain")
        say(f"{chain / 3600:.2f} h\n")
        say(
            "| workers | bound, h | Ray, h | speed-up | of bound | Slurm, h | speed-up | of bound |"
        )
        say("| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
        for workers in WORKERS:
            bound = max(work / workers, chain)
            row = [f"{workers}", f"{bound / 3600:.2f}"]
            for engine in engines:
                makespan = engine(bundles, seconds, workers)
                row += [f"{makespan / 3600:.2f}", f"{work / makespan:.1f}"]
                row.append(f"{bound / makespan:.2f}")
            say(f"| {' | '.join(row)} |")


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    main()
