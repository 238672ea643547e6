"""Bundles on pretended workers in virtual time: all run, and no worker idles that could work."""

import random

import pytest
from tests.speed.clusters import longest_chain, ray, slurm

from ood_bench.cells import Cell
from ood_bench.cells.score import Score
from ood_bench.plan import Bundle

CHANCE = random.Random(0)


def made_up(count: int) -> tuple[list[Bundle], list[float]]:
    bundles: list[Bundle] = []
    for place in range(count):
        needs = tuple(n for n in range(place) if CHANCE.random() < 0.02)
        wave = max((bundles[need].wave + 1 for need in needs), default=0)
        cell = Cell(str(place), Score(statistic=str(place), data=""))
        bundles.append(Bundle((cell,), needs, wave))
    return bundles, [CHANCE.uniform(1, 9) for _ in bundles]


@pytest.mark.parametrize("workers", [1, 8, 64])
def test_the_makespan_is_within_grahams_bound(workers: int) -> None:
    bundles, seconds = made_up(200)
    work, chain = sum(seconds), longest_chain(bundles, seconds)
    least = max(work / workers, chain) - 1e-6
    assert least <= ray(bundles, seconds, workers) <= work / workers + chain + 1e-6  # Graham 1969
    assert least <= slurm(bundles, seconds, workers)
    assert slurm(bundles, seconds, 1) == pytest.approx(work)
