"""The time left of a run follows from what was expected and what was seen."""

from typing import Any

import pytest

from ood_bench.cells import Cell
from ood_bench.cells.metric import DetectionMetrics
from ood_bench.cells.train import Train
from ood_bench.plan.forecast import Forecast
from ood_bench.recipe import Recipe

KEYS = ("0" * 31 + "1", "0" * 31 + "2")


def training(seed: int, steps: int = 100) -> Cell:
    spec: dict[str, Any] = {
        "plugin": "glow",
        "revision": 1,
        "options": {},
        "shape": (1, 2, 2),
        "recipe": {},
        "data": "x",
    }
    own = Train(seed=seed, training=Recipe(steps=steps), **spec)
    return Cell(f"train/glow@x/{seed}", own)


def metric(level: int) -> Cell:
    spec = DetectionMetrics(inside=KEYS[0], outside=KEYS[1], resamples=level, level=0.95)
    return Cell(f"metric/{level}", spec)


A, B, M, N = training(0), training(1), metric(1), metric(2)


def test_before_anything_is_seen_it_is_what_was_expected() -> None:
    found = Forecast([A, M, N], {A.key: 10.0, M.key: 1.0})
    assert found.seconds_left(0.0) == 11.0
    assert str(found) == "train 0/1, metric 0/1"


def test_what_finished_cells_took_corrects_those_of_their_kind_alone() -> None:
    found = Forecast([A, B, M], {A.key: 10.0, B.key: 20.0, M.key: 1.0})
    found.begin(A.key, 0.0)
    found.end(A.key, 30.0)
    assert found.seconds_left(30.0) == pytest.approx(3 * 20.0 + 1.0)
    assert (str(found), found.pending) == ("train 1/2, metric 0/1", 2)


def test_a_training_in_progress_counts_with_what_it_says_and_corrects_the_others() -> None:
    found = Forecast([A, B], {A.key: 10.0, B.key: 20.0})
    found.train(A.key, None, 100.0)
    assert found.seconds_left(102.0) == pytest.approx(8.0 + 20.0)
    found.train(A.key, 30.0, 110.0)  # 40 s in place of 10
    assert found.seconds_left(110.0) == pytest.approx(30.0 + 80.0)


def test_a_training_of_unknown_length_is_as_fast_as_those_that_are_known() -> None:
    long = training(2, steps=400)
    found = Forecast([A, long, M], {A.key: None, long.key: None, M.key: 1.0})
    assert found.seconds_left(0.0) is None
    found.train(A.key, 6.0, 0.0)
    assert found.seconds_left(2.0) == pytest.approx(6.0 + 4 * 8.0 + 1.0)
    found.end(A.key, 10.0)
    assert found.seconds_left(10.0) == pytest.approx(40.0 + 1.0)


def test_cells_side_by_side_take_the_time_of_one_but_no_less_than_the_longest() -> None:
    found = Forecast([A, B, M, N], {A.key: 10.0, B.key: 10.0, M.key: 1.0, N.key: 1.0})
    found.train(A.key, 8.0, 0.0)
    found.train(B.key, 8.0, 0.0)
    assert found.seconds_left(0.0) == pytest.approx((8 + 8 + 1 + 1) / 2)
    found.train(B.key, 30.0, 0.0)
    assert found.seconds_left(0.0) == pytest.approx(30.0)


def test_stored_and_unknown_cells_change_nothing() -> None:
    found = Forecast([A, M], {A.key: 10.0})
    for key in (M.key, "f" * 32):
        found.begin(key, 0.0)
        found.train(key, 3.0, 0.0)
        found.end(key, 5.0)
    assert (found.seconds_left(0.0), found.pending) == (10.0, 1)
