"""AUROC and its score interval, against scikit-learn, pair counting and simulation."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from scipy import stats
from sklearn.metrics import roc_auc_score

from ood_bench.metrics import auroc, delong, placements

Scores = NDArray[np.float64]

tied = arrays(np.float64, st.integers(1, 40), elements=st.integers(-3, 3).map(float))
distinct = arrays(np.float64, st.integers(1, 40), elements=st.floats(-1e3, 1e3, width=32))
scores = st.one_of(tied, distinct)


def kernel(inside: Scores, outside: Scores) -> Scores:
    """The pairs, `(outside, inside)`: 1 where the outside one is above, ½ where they tie."""
    above = outside[:, None] > inside[None, :]
    equal = outside[:, None] == inside[None, :]
    return above + 0.5 * equal


@given(tied, tied)
def test_auroc_agrees_with_scikit_learn_at_any_scale(inside: Scores, outside: Scores) -> None:
    y = np.r_[np.zeros(len(inside)), np.ones(len(outside))]
    expected = roc_auc_score(y, np.r_[inside, outside])
    for scale, shift in ((1.0, 0.0), (1e-6, 0.0), (300.0, -7000.0)):
        got = auroc(inside * scale + shift, outside * scale + shift)
        assert got == pytest.approx(expected)
        assert auroc(-outside * scale, -inside * scale) == pytest.approx(expected)


@given(scores, scores)
def test_auroc_is_the_share_of_pairs_to_the_last_bit(inside: Scores, outside: Scores) -> None:
    halves = int(2 * kernel(inside, outside).sum())
    assert auroc(inside, outside) == halves / (2 * len(inside) * len(outside))


def test_auroc_tells_nats_apart_at_minus_seven_thousand() -> None:
    nats = -7000 + np.array([0.0, 1e-9, 2e-9, 3e-9])
    assert auroc(nats[:2], nats[2:]) == 1.0
    assert auroc(nats[2:], nats[:2]) == 0.0


def test_auroc_of_scores_that_are_all_equal_is_one_half() -> None:
    assert auroc(np.zeros(7), np.zeros(3)) == 0.5


@given(scores, scores)
def test_placements_count_pairs_in_halves(inside: Scores, outside: Scores) -> None:
    expected = 2 * kernel(inside, outside).sum(axis=1)
    assert (placements(outside, np.sort(inside)) == expected).all()


def model_variance(area: float, inside: int, outside: int) -> float:
    """Bamber's variance of the AUROC of two unit Gaussians, by the bivariate normal."""
    d = stats.norm.ppf(area)
    both = stats.multivariate_normal.cdf([d, d], cov=[[1.0, 0.5], [0.5, 1.0]])
    around = (inside + outside - 2) * (both - area**2)
    return float(area * (1 - area) + around) / (inside * outside)


def delongs_variance(inside: Scores, outside: Scores) -> float:
    pairs = kernel(inside, outside)
    return float(
        pairs.mean(axis=1).var(ddof=1) / len(outside) + pairs.mean(axis=0).var(ddof=1) / len(inside)
    )


@pytest.mark.parametrize("spread", [0.5, 1.0, 3.0])
@pytest.mark.parametrize("shift", [-2.0, 0.0, 1.0, 2.5])
def test_ends_of_the_interval_lie_as_far_from_auroc_as_their_variance_says(
    shift: float, spread: float
) -> None:
    random = np.random.default_rng(2)
    inside, outside = random.normal(0, 1, 60), random.normal(shift, spread, 40)
    got = delong(inside, outside, level=0.9)
    raised = max(1.0, delongs_variance(inside, outside) / model_variance(got.value, 60, 40))
    for end in (got.low, got.high):
        error = math.sqrt(raised * model_variance(end, 60, 40))
        assert abs(got.value - end) == pytest.approx(1.6448536269514722 * error, rel=1e-3)


@given(scores, scores)
def test_the_interval_holds_auroc_and_turns_with_the_scores(
    inside: Scores, outside: Scores
) -> None:
    got = delong(inside, outside)
    assert got.value == auroc(inside, outside)
    assert 0.0 <= got.low <= got.value <= got.high <= 1.0
    if min(len(inside), len(outside)) == 1:
        assert (got.low, got.high) == (0.0, 1.0)
    turned = delong(-inside, -outside)
    assert (turned.low, turned.high) == pytest.approx((1 - got.high, 1 - got.low), abs=1e-9)


def test_sides_that_are_apart_leave_as_much_open_as_their_images_do() -> None:
    few, many = (delong(np.zeros(n), np.ones(n)) for n in (20, 2000))
    assert few.high == many.high == 1.0
    assert 0.9 < few.low < 0.98
    assert 0.999 < many.low < 1.0


def test_intervals_near_one_hold_the_true_auroc_as_often_as_they_say() -> None:
    random, held = np.random.default_rng(0), []
    truth, shift = 0.99, 2**0.5 * stats.norm.ppf(0.99)
    for _ in range(400):
        found = delong(random.normal(0, 1, 1000), random.normal(shift, 1, 60))
        held.append(found.low <= truth <= found.high)
    assert 0.93 <= np.mean(held) <= 0.99


def test_delong_covers_the_true_auroc_as_often_as_it_says() -> None:
    random = np.random.default_rng(0)
    truth = 0.5 * (1 + math.erf(0.5))  # Φ(1/√2): unit Gaussians one apart
    measures = [
        delong(random.normal(0, 1, 80), random.normal(1, 1, 120), level=0.9) for _ in range(800)
    ]
    covered = np.mean([measure.low <= truth <= measure.high for measure in measures])
    assert 0.87 < covered < 0.93


def test_a_measure_leaves_the_scores_as_they_were() -> None:
    inside, outside = np.array([3.0, 1.0, 2.0]), np.array([2.0, 5.0, 4.0])
    delong(inside, outside)
    assert inside.tolist() == [3.0, 1.0, 2.0]
    assert outside.tolist() == [2.0, 5.0, 4.0]
