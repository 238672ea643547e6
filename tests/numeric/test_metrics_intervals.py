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
    paired_delong,
    pool,
)
from ood_bench.runs.compare import holm

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


def test_a_paired_difference_has_delongs_covariance(sides: tuple[Scores, Scores]) -> None:
    inside, outside = sides
    random = np.random.default_rng(5)
    other_in, other_out = (
        (0.6 * side + random.normal(0, 1, len(side))).round(1) for side in (inside, outside)
    )

    def components(a: Scores, b: Scores) -> tuple[Scores, Scores]:
        beats = (b[:, None] > a).astype(float) + 0.5 * (b[:, None] == a)
        return beats.mean(axis=1), beats.mean(axis=0)

    (v, u), (v2, u2) = components(inside, outside), components(other_in, other_out)
    covariance = np.cov(v, v2) / len(v) + np.cov(u, u2) / len(u)
    variance = covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1]
    found = paired_delong((inside, other_in), (outside, other_out))
    assert found.value == pytest.approx(auroc(inside, outside) - auroc(other_in, other_out))
    reach = stats.norm.ppf(0.975) * math.sqrt(variance)
    assert found.high - found.value == pytest.approx(reach)
    assert found.value - found.low == pytest.approx(reach)


def test_a_detector_does_not_differ_from_itself_nor_from_its_ranks(
    sides: tuple[Scores, Scores],
) -> None:
    inside, outside = sides
    for other in (lambda s: s, lambda s: np.exp(s) - 7000.0):
        found = paired_delong((inside, other(inside)), (outside, other(outside)))
        assert found == pytest.approx((0.0, 0.0, 0.0), abs=1e-12)
    turned = paired_delong((inside, -inside), (outside, -outside))
    assert turned.value == pytest.approx(2 * auroc(inside, outside) - 1)


def test_paired_sides_must_be_of_the_same_images(sides: tuple[Scores, Scores]) -> None:
    inside, outside = sides
    with pytest.raises(ValueError, match="of the same images"):
        paired_delong((inside, inside[1:]), (outside, outside))
    alone = paired_delong((inside[:1], inside[:1]), (outside, -outside))
    assert (alone.low, alone.high) == (-1.0, 1.0)


def test_intervals_of_paired_differences_hold_the_true_one_as_often_as_they_say() -> None:
    random, held = np.random.default_rng(0), []
    truth = stats.norm.cdf(1 / math.sqrt(2)) - stats.norm.cdf(0.8 / math.sqrt(2))
    for _ in range(400):
        common = [random.normal(0, 1, n) for n in (60, 50)]
        noise = [random.normal(0, 1, n) for n in (60, 50)]
        first = (common[0], common[1] + 1.0)
        second = tuple(0.8 * c + 0.6 * e for c, e in zip(common, noise, strict=True))
        second = (second[0], second[1] + 0.8)
        found = paired_delong((first[0], second[0]), (first[1], second[1]))
        held.append(found.low <= truth <= found.high)
    assert 0.91 <= np.mean(held) <= 0.98


def test_holms_correction_agrees_with_its_definition() -> None:
    random = np.random.default_rng(0)
    p = [float(value) for value in random.uniform(0, 0.2, 9)]
    found = holm(p)
    for value, corrected in zip(p, found, strict=True):
        smaller = [other for other in p if other <= value]
        expected = max(min(1.0, q * (len(p) - sum(r < q for r in p))) for q in smaller)
        assert corrected == pytest.approx(expected)
    assert holm([]) == []
