"""Bootstrapped, normal and pooled intervals, against naive and closed-form references."""

import math

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats
from sklearn.metrics import average_precision_score

from ood_bench.metrics import (
    Measure,
    aupr_in,
    aupr_out,
    auroc,
    delong,
    detection_error,
    evaluate,
    fpr95,
    mean_bpd,
    pool,
)

Scores = NDArray[np.float64]


@pytest.fixture(scope="module")
def sides() -> tuple[Scores, Scores]:
    random = np.random.default_rng(3)
    return random.normal(0, 1, 300).round(1), random.normal(1, 1, 200).round(1)


def test_evaluate_returns_the_values_of_the_single_metrics(sides: tuple[Scores, Scores]) -> None:
    found = evaluate(*sides, seed=0, resamples=10)
    single = (auroc, aupr_out, aupr_in, fpr95, detection_error)
    assert {name: measure.value for name, measure in found.items()} == {
        metric.__name__: metric(*sides) for metric in single
    }
    assert found["auroc"] == delong(*sides)


def test_evaluate_repeats_itself_to_the_last_bit(sides: tuple[Scores, Scores]) -> None:
    found = evaluate(*sides, seed=2**62 + 1)
    assert evaluate(*sides, seed=2**62 + 1) == found
    assert evaluate(*sides, seed=2**62 + 2) != found


def test_bootstrap_intervals_are_those_of_drawing_each_side_by_itself(
    sides: tuple[Scores, Scores],
) -> None:
    inside, outside = sides
    random = np.random.default_rng(9)
    is_outside = np.r_[np.zeros(len(inside)), np.ones(len(outside))]
    naive = []
    for _ in range(800):
        a, b = random.choice(inside, len(inside)), random.choice(outside, len(outside))
        ordered = np.sort(a)
        accepted = ordered[math.ceil(0.95 * len(a)) - 1]
        edges = np.r_[-np.inf, np.unique(np.r_[a, b])]
        errors = [((a > t).mean() + (b <= t).mean()) / 2 for t in edges]
        naive.append(
            {
                "aupr_out": average_precision_score(is_outside, np.r_[a, b]),
                "aupr_in": average_precision_score(1 - is_outside, -np.r_[a, b]),
                "fpr95": (b <= accepted).mean(),
                "detection_error": min(errors),
            }
        )
    found = evaluate(inside, outside, seed=0, resamples=1000, level=0.9)
    for name in naive[0]:
        low, high = np.quantile([resample[name] for resample in naive], [0.05, 0.95])
        assert found[name].low == pytest.approx(low, abs=0.1 * (high - low))
        assert found[name].high == pytest.approx(high, abs=0.1 * (high - low))


def test_a_single_image_a_side_leaves_auroc_unknown() -> None:
    found = evaluate([0.0], [1.0], seed=0, resamples=10)
    assert found["auroc"] == Measure(1.0, 0.0, 1.0)
    assert found["fpr95"] == Measure(0.0, 0.0, 0.0)


def test_mean_bpd_has_the_normal_interval_of_the_mean() -> None:
    log_prob = np.random.default_rng(0).normal(-7000, 300, 50)
    bits = -log_prob / (3072 * math.log(2))
    low, high = stats.norm.interval(0.9, bits.mean(), stats.sem(bits))
    assert mean_bpd(log_prob, 3072, level=0.9) == pytest.approx((bits.mean(), low, high))


def test_mean_bpd_of_a_single_image_is_that_images() -> None:
    assert mean_bpd([-8 * math.log(256)], 8) == (8.0, 8.0, 8.0)


def test_pooling_one_seed_keeps_its_own_interval() -> None:
    only = Measure(0.3, 0.2, 0.45)
    measure, spread = pool([only])
    assert measure == only
    assert math.isnan(spread)


def test_more_seeds_that_agree_do_not_narrow_the_interval() -> None:
    same = Measure(0.3, 0.2, 0.45)
    measure, spread = pool([same] * 10)
    assert measure == pytest.approx(same)
    assert spread == pytest.approx(0.0)


def test_seeds_without_error_of_their_own_give_students_interval() -> None:
    values = [0.1, 0.15, 0.3, 0.22]
    low, high = stats.t.interval(0.9, 3, np.mean(values), stats.sem(values))
    measure, spread = pool([Measure(value, value, value) for value in values], level=0.9)
    assert measure == pytest.approx((np.mean(values), low, high))
    assert spread == pytest.approx(np.std(values, ddof=1))


def test_both_sources_of_error_add_in_quadrature() -> None:
    measures = [Measure(0.2, 0.1, 0.5), Measure(0.4, 0.2, 0.6)]
    student = 12.706204736 * math.sqrt(0.02) / math.sqrt(2)
    down = math.sqrt((0.1**2 + 0.2**2) / 2 + student**2)
    up = math.sqrt((0.3**2 + 0.2**2) / 2 + student**2)
    assert pool(measures)[0] == pytest.approx((0.3, 0.3 - down, 0.3 + up))
    assert pool(measures, bounds=(0, 1))[0] == pytest.approx((0.3, 0.0, 1.0))


def test_pooled_intervals_cover_the_mean_over_images_and_seeds() -> None:
    random = np.random.default_rng(1)
    covered = []
    for _ in range(1000):
        images = random.normal(0, 0.3)  # common to all seeds
        values = images + random.normal(0, 0.2, 4)
        reach = 1.644853627 * 0.3
        pooled, _ = pool([Measure(v, v - reach, v + reach) for v in values], level=0.9)
        covered.append(pooled.low <= 0 <= pooled.high)
    assert 0.88 < np.mean(covered) < 0.96


def test_nothing_cannot_be_pooled() -> None:
    with pytest.raises(ValueError, match="no measures"):
        pool([])
