"""AUPR, FPR@95TPR and detection error, against scikit-learn and values worked out by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, roc_curve

from ood_bench.metrics import aupr_in, aupr_out, detection_error, fpr95

Scores = NDArray[np.float64]

tied = arrays(np.float64, st.integers(1, 60), elements=st.integers(-4, 4).map(float))
distinct = arrays(np.float64, st.integers(1, 60), elements=st.floats(-1e3, 1e3, width=32))
scores = st.one_of(tied, distinct)


def joined(inside: Scores, outside: Scores) -> tuple[Scores, Scores]:
    """All scores, and 1 for those of outside images."""
    is_outside = np.r_[np.zeros(len(inside)), np.ones(len(outside))]
    return np.r_[inside, outside], is_outside


@given(tied, tied)
def test_average_precision_agrees_with_scikit_learn_at_any_scale(
    inside: Scores, outside: Scores
) -> None:
    both, is_outside = joined(inside, outside)
    for scale, shift in ((1.0, 0.0), (1e-6, 0.0), (300.0, -7000.0)):
        a, b = inside * scale + shift, outside * scale + shift
        assert aupr_out(a, b) == pytest.approx(average_precision_score(is_outside, both))
        assert aupr_in(a, b) == pytest.approx(average_precision_score(1 - is_outside, -both))


@given(scores, scores)
def test_fpr95_is_a_point_of_scikit_learns_curve_with_inside_positive(
    inside: Scores, outside: Scores
) -> None:
    both, is_outside = joined(inside, outside)
    fpr, tpr, _ = roc_curve(1 - is_outside, -both, drop_intermediate=False)
    assert fpr95(inside, outside) == pytest.approx(fpr[np.argmax(tpr >= 0.95)])


@given(scores, scores)
def test_detection_error_is_the_best_point_of_scikit_learns_curve(
    inside: Scores, outside: Scores
) -> None:
    both, is_outside = joined(inside, outside)
    fpr, tpr, _ = roc_curve(is_outside, both, drop_intermediate=False)
    assert detection_error(inside, outside) == pytest.approx(((1 - tpr + fpr) / 2).min())


@given(scores, scores)
def test_aupr_in_is_aupr_out_with_the_sides_exchanged_and_scores_negated(
    inside: Scores, outside: Scores
) -> None:
    assert aupr_in(inside, outside) == pytest.approx(aupr_out(-outside, -inside))


def test_the_conventions_are_those_worked_out_by_hand() -> None:
    inside, outside = np.arange(1.0, 21.0), np.array([0.5, 18.5, 19.5, 30.0])
    # Accepting up to 19 keeps 19 of the 20 inside images, and 0.5 and 18.5 with them.
    assert fpr95(inside, outside) == 2 / 4
    # From the top: 30 (1 of 1), 20, 19.5 (2 of 3), 19, 18.5 (3 of 5), the rest, 0.5 (4 of 24).
    assert aupr_out(inside, outside) == pytest.approx((1 + 2 / 3 + 3 / 5 + 4 / 24) / 4)
    # From the bottom: 0.5, then i of i + 1 for 18 inside images, 19 of 21, 20 of 23.
    in_order = [i / (i + 1) for i in range(1, 19)] + [19 / 21, 20 / 23]
    assert aupr_in(inside, outside) == pytest.approx(sum(in_order) / 20)
    # Accepting up to 18 loses 2 of 20 inside and accepts 1 of 4 outside; up to 20, 0 and 3.
    assert detection_error(inside, outside) == pytest.approx((2 / 20 + 1 / 4) / 2)


def test_perfect_scores_leave_no_error() -> None:
    inside, outside = np.arange(5.0), np.arange(5.0, 8.0)
    assert aupr_out(inside, outside) == aupr_in(inside, outside) == 1.0
    assert fpr95(inside, outside) == detection_error(inside, outside) == 0.0


def test_scores_that_say_nothing_give_the_prevalence() -> None:
    inside, outside = np.zeros(6), np.zeros(2)
    assert aupr_out(inside, outside) == 2 / 8
    assert aupr_in(inside, outside) == 6 / 8
    assert fpr95(inside, outside) == 1.0
    assert detection_error(inside, outside) == 0.5


def test_scores_the_wrong_way_round_are_no_better_than_accepting_all() -> None:
    assert detection_error(inside=[3, 4], outside=[1, 2]) == 0.5
    assert fpr95(inside=[3, 4], outside=[1, 2]) == 1.0
