"""Intervals of the single metrics and of those pooled, against naive and closed-form references."""

import math

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import optimize, stats

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
    pooled_p,
)
from ood_bench.metrics.binormal import precision_moments
from ood_bench.metrics.intervals import (
    detection_error_interval,
    fpr_interval,
    optimism,
    wilson,
)
from ood_bench.metrics.thresholds import places, tally
from ood_bench.runs.ranking import holm

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


def test_a_single_image_a_side_leaves_auroc_unknown() -> None:
    found = evaluate([0.0], [1.0], seed=0, resamples=10)
    assert found["auroc"] == Measure(1.0, 0.0, 1.0)
    assert found["aupr_out"] == found["aupr_in"] == Measure(1.0, 0.0, 1.0)
    assert found["fpr95"].low == 0.0
    assert found["fpr95"].high == 1.0


@pytest.mark.parametrize(("count", "total"), [(0, 5), (3, 7), (50, 50), (420, 1000)])
def test_wilsons_interval_is_scipys(count: int, total: int) -> None:
    expected = stats.binomtest(count, total).proportion_ci(0.9, method="wilson")
    found = wilson(count, total, level=0.9)
    assert found == pytest.approx((count / total, expected.low, expected.high), abs=1e-12)


@pytest.mark.parametrize(
    ("separation", "positives", "negatives"), [(-1.5, 100, 60), (1.0, 50, 400), (2.5, 300, 80)]
)
def test_moments_of_average_precision_are_those_of_simulated_samples(
    separation: float, positives: int, negatives: int
) -> None:
    random, found = np.random.default_rng(1), []
    for _ in range(1500):
        positive = random.normal(separation, 1, positives)
        found.append(aupr_out(random.normal(0, 1, negatives), positive))
    at = precision_moments(separation, positives, negatives)
    error = float(np.std(found)) / math.sqrt(len(found))
    assert abs(at.mean - np.mean(found)) < 4 * error
    assert abs(at.mean - np.mean(found)) < abs(at.value - np.mean(found)) + error
    assert math.sqrt(at.variance) == pytest.approx(np.std(found), rel=0.12)


def test_average_precision_varies_as_the_jackknife_says() -> None:
    random = np.random.default_rng(4)
    inside = random.normal(0, 1, 120).round(1)
    outside = np.r_[random.normal(-4, 1, 80), random.normal(4, 1, 10)].round(1)
    variance = 0.0
    for side in (0, 1):
        left = []
        for row in range(len((inside, outside)[side])):
            some = [inside, outside]
            some[side] = np.delete(some[side], row)
            left.append(aupr_out(*some))
        variance += (len(left) - 1) * float(np.var(left))
    found = evaluate(inside, outside, seed=0, resamples=1)["aupr_out"]
    model = precision_moments(_separation(found.value, 90, 120), 90, 120)
    assert variance > 1.5 * model.variance  # so that it is what sets the width
    for end in (found.low, found.high):
        at = precision_moments(_separation_of_value(end, 90, 120), 90, 120)
        reach = (found.value - at.mean) / 1.959963984540054
        assert reach**2 / at.variance == pytest.approx(variance / model.variance, rel=1e-4)


def _separation(mean: float, positives: int, negatives: int) -> float:
    return float(
        optimize.brentq(lambda d: precision_moments(d, positives, negatives).mean - mean, -9, 9)
    )


def _separation_of_value(value: float, positives: int, negatives: int) -> float:
    return float(
        optimize.brentq(lambda d: precision_moments(d, positives, negatives).value - value, -9, 9)
    )


def test_fpr95_counts_the_images_of_both_sides() -> None:
    outside = np.arange(200) / 200
    exact = fpr_interval(tally(np.full(100_000, 0.4), outside), 0.95, 0.95)
    assert exact == pytest.approx(wilson(81, 200, level=0.95))
    few = fpr_interval(tally(np.arange(100) / 100, outside), 0.95, 0.95)
    assert few.value == 189 / 200
    least, most = 180.46 / 200, 197.54 / 200  # of ranks 95 ± 1.96·√(100·0.95·0.05), interpolated
    binomial = wilson(189, 200, level=0.95)
    assert few.low == pytest.approx(
        few.value - math.hypot(few.value - binomial.low, few.value - least), abs=1e-4
    )
    assert few.high == pytest.approx(
        min(1.0, few.value + math.hypot(binomial.high - few.value, most - few.value)), abs=1e-4
    )
    assert fpr_interval(tally(np.arange(20.0), np.full(50, -1.0)), 0.95, 0.95).low > 0.5


def test_too_few_inside_images_set_no_upper_end_to_fpr95() -> None:
    assert fpr_interval(tally(np.zeros(40), np.ones(500)), 0.95, 0.95).high == 1.0
    assert fpr_interval(tally(np.zeros(400), np.ones(500)), 0.95, 0.95).high < 0.01


def test_the_detection_error_reaches_up_by_its_optimism_and_down_by_wilson() -> None:
    both = tally(np.arange(100.0), np.arange(100.0) + 80)
    plain, corrected = (detection_error_interval(both, by, 0.95) for by in (0.0, 0.02))
    rates = [wilson(0, 100, level=0.95), wilson(20, 100, level=0.95)]
    down = math.hypot(*(rate.value - rate.low for rate in rates)) / 2
    up = math.hypot(*(rate.high - rate.value for rate in rates)) / 2
    assert plain == pytest.approx((0.1, 0.1 - down, 0.1 + up))
    assert corrected == pytest.approx((0.1, 0.1 - down, 0.12 + up))


def test_the_detection_error_reaches_a_half_where_smirnovs_test_tells_nothing() -> None:
    random, held = np.random.default_rng(0), []
    for _ in range(300):
        both = tally(random.normal(0, 1, 150), random.normal(0, 1, 100))
        held.append(detection_error_interval(both, 0.0, 0.95).high == 0.5)
    assert 0.93 <= np.mean(held) <= 0.995


def test_optimism_is_the_mean_gain_of_resamples(sides: tuple[Scores, Scores]) -> None:
    inside, outside, distinct = places(*sides)
    random, found = np.random.default_rng(9), []
    for _ in range(800):
        drawn = [random.choice(side, len(side)) for side in sides]
        found.append(detection_error(*drawn))
    expected = detection_error(*sides) - float(np.mean(found))
    got = optimism(inside, outside, distinct, seed=0, resamples=800)
    assert got == pytest.approx(expected, abs=0.002)
    assert got > 0.002


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


def test_the_p_value_of_seeds_without_error_of_their_own_is_students() -> None:
    for values in ([0.1, 0.15, 0.3, 0.22], [0.02, -0.1, -0.3], [0.4, 0.41]):
        p = pooled_p([Measure(value, value, value) for value in values])
        assert p == pytest.approx(stats.ttest_1samp(values, 0.0).pvalue)


def test_the_p_value_of_one_seed_is_that_of_its_images() -> None:
    assert pooled_p([Measure(0.3, 0.3 - 0.196, 0.5)]) == pytest.approx(
        2 * stats.norm.sf(3), rel=2e-3
    )
    assert pooled_p([Measure(0.0, 0.0, 0.0)]) == 1.0
    assert pooled_p([Measure(0.1, 0.1, 0.1)]) == 0.0
    assert pooled_p([Measure(0.9, 0.899, 0.901)]) == 0.0


@pytest.mark.parametrize("level", [0.5, 0.9, 0.95, 0.999])
def test_the_p_value_is_where_the_pooled_interval_reaches_zero(level: float) -> None:
    reach = float(stats.norm.ppf((1 + level) / 2))

    def measures(distance: float) -> list[Measure]:
        values = (distance - 0.02, distance + 0.03, distance - 0.01)
        return [Measure(v, v - 0.01 * reach, v + 0.01 * reach) for v in values]

    pooled, _ = pool(measures(0.0), level=level)
    touching = measures(pooled.value - pooled.low)
    assert pool(touching, level=level)[0].low == pytest.approx(0.0, abs=0.002 * reach)
    assert pooled_p(touching, level=level) == pytest.approx(1 - level, rel=0.25, abs=0.05)
    found = [pooled_p(measures(distance), level=level) for distance in (0.0, 0.05, 0.1, 0.5, -0.5)]
    assert found[0] > found[1] > found[2] > found[3] == pytest.approx(found[4], rel=0.1)


@pytest.mark.parametrize("seeds", [2, 3, 5])
@pytest.mark.parametrize("spread", [0.1, 1.0, 10.0])
def test_holms_family_wise_error_holds_with_few_seeds(seeds: int, spread: float) -> None:
    random, wrong = np.random.default_rng(seeds), []
    for _ in range(200):
        p = []
        for images in random.normal(0, 1, 10):
            values = images + random.normal(0, spread, seeds)
            p.append(pooled_p([Measure(v, v - 1.96, v + 1.96) for v in values]))
        wrong.append(min(holm(p)) < 0.05)
    assert np.mean(wrong) <= 0.05 + 2.5 * math.sqrt(0.05 * 0.95 / 200)


def test_holms_correction_agrees_with_its_definition() -> None:
    random = np.random.default_rng(0)
    p = [float(value) for value in random.uniform(0, 0.2, 9)]
    found = holm(p)
    for value, corrected in zip(p, found, strict=True):
        smaller = [other for other in p if other <= value]
        expected = max(min(1.0, q * (len(p) - sum(r < q for r in p))) for q in smaller)
        assert corrected == pytest.approx(expected)
    assert holm([]) == []
