"""AUROC and DeLong's interval, against scikit-learn, pair counting and simulation."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
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


@given(scores, scores)
def test_delong_is_the_variance_of_the_structural_components(
    inside: Scores, outside: Scores
) -> None:
    got = delong(inside, outside, level=0.95)
    assert got.value == auroc(inside, outside)
    pairs = kernel(inside, outside)
    if min(pairs.shape) == 1:
        assert (got.low, got.high) == (0.0, 1.0)
        return
    of_outside, of_inside = (
        sum((component - pairs.mean()) ** 2 for component in pairs.mean(axis=axis))
        / (len(pairs.mean(axis=axis)) - 1)
        for axis in (1, 0)
    )
    error = 1.959963984540054 * math.sqrt(of_outside / len(outside) + of_inside / len(inside))
    assert got.low == pytest.approx(max(0.0, pairs.mean() - error), abs=1e-12)
    assert got.high == pytest.approx(min(1.0, pairs.mean() + error), abs=1e-12)


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
