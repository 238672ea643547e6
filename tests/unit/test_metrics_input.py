"""What the metrics refuse, and ranks for libraries that take no log-likelihoods."""

import re
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score
from torchmetrics.functional.classification import binary_auroc

import ood_bench
from ood_bench import metrics
from ood_bench.metrics import dense_ranks, evaluate, mean_bpd

Scores = NDArray[np.float64]
Metric = Callable[[object, object], object]

of_two_sides = pytest.mark.parametrize(
    "metric",
    [
        metrics.auroc,
        metrics.delong,
        metrics.aupr_out,
        metrics.aupr_in,
        metrics.fpr95,
        metrics.detection_error,
        metrics.dense_ranks,
        lambda inside, outside: evaluate(inside, outside, seed=0, resamples=1),
    ],
)


@of_two_sides
def test_scores_that_are_not_finite_are_named_by_side_and_row(metric: Metric) -> None:
    with pytest.raises(ValueError, match=r"^inside scores: row 1 is nan \(2 of 3 are not finite\)"):
        metric([0.0, np.nan, np.inf], [0.0])
    with pytest.raises(ValueError, match=r"^outside scores: row 2 is -inf \(1 of 3"):
        metric([0.0], [0.0, 1.0, -np.inf])


@of_two_sides
def test_an_empty_side_is_named(metric: Metric) -> None:
    with pytest.raises(ValueError, match=r"^inside scores: there are none"):
        metric([], [0.0])
    with pytest.raises(ValueError, match=r"^outside scores: there are none"):
        metric([0.0], [])


@of_two_sides
def test_scores_of_two_dimensions_are_refused(metric: Metric) -> None:
    with pytest.raises(ValueError, match=r"^outside scores: .* got shape \(2, 1\)"):
        metric([0.0], np.zeros((2, 1)))


def test_mean_bpd_refuses_what_is_not_finite() -> None:
    with pytest.raises(ValueError, match=r"^log_prob: row 0 is nan"):
        mean_bpd([np.nan], 8)


@pytest.mark.parametrize("level", [0.0, 1.0, 95.0])
def test_a_level_outside_0_and_1_is_refused(level: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        metrics.delong([0.0], [0.0], level=level)


@given(
    arrays(np.float64, st.integers(1, 30), elements=st.integers(-9, 9).map(float)),
    arrays(np.float64, st.integers(1, 30), elements=st.integers(-9, 9).map(float)),
)
def test_ranks_lie_in_0_to_1_and_keep_order_and_ties(inside: Scores, outside: Scores) -> None:
    scores = np.r_[inside, outside] * 300 - 7000
    ranks = np.concatenate(dense_ranks(scores[: len(inside)], scores[len(inside) :]))
    assert ranks.min() >= 0
    assert ranks.max() <= 1
    assert (np.sign(ranks[:, None] - ranks) == np.sign(scores[:, None] - scores)).all()


def test_torchmetrics_is_right_on_ranks_and_wrong_on_nats() -> None:
    random = np.random.default_rng(0)
    inside, outside = random.normal(-7000, 300, 200), random.normal(-6500, 300, 100)
    target = np.r_[np.zeros(200), np.ones(100)]
    expected = roc_auc_score(target, np.r_[inside, outside])

    def by_torchmetrics(inside: Scores, outside: Scores) -> float:
        scores = torch.from_numpy(np.r_[inside, outside])
        return float(binary_auroc(scores, torch.from_numpy(target).long()))

    assert expected > 0.8
    assert by_torchmetrics(inside, outside) == 0.5
    assert by_torchmetrics(*dense_ranks(inside, outside)) == pytest.approx(expected)


REFUSED = {
    "complex": (np.array([1.0 + 2.0j, 3.0]), "got complex ones"),
    "complex list": ([1j, 2.0], "got complex ones"),
    "complex tensor": (torch.tensor([1j, 2.0]), "got complex ones"),
    "text": (["1.0", "2.0"], "got text"),
    "bytes": ([b"1.0"], "got text"),
    "text among objects": (np.array(["1", 2.0], dtype=object), "got '1'"),
    "nothing among numbers": ([1.0, None], "got None"),
    "times": (np.array(["2020-01-01"], dtype="datetime64[D]"), "got times"),
    "generator": ((value for value in (1.0, 2.0)), "got a generator"),
    "set": ({1.0, 2.0}, "got a set"),
    "a dict": ({"a": 1.0}, "got a dict"),
    "nothing": (None, "got a NoneType"),
    "ragged": ([[1.0], [1.0, 2.0]], "inhomogeneous"),
    "masked": (np.ma.masked_array([1.0, 2.0], [True, False]), "masked"),
    "column": (torch.zeros(3, 1), "one number an image"),
    "meta tensor": (torch.zeros(3, device="meta"), "meta"),
    "empty": ([], "there are none"),
}


@pytest.mark.parametrize("name", REFUSED)
@of_two_sides
def test_what_is_no_array_of_real_numbers_is_refused_with_its_side(
    metric: Metric, name: str
) -> None:
    values, said = REFUSED[name]
    for side, sides in (("inside", (values, [0.0])), ("outside", ([0.0], values))):
        with pytest.raises(ValueError, match=f"^{side} scores: .*{re.escape(said)}") as caught:
            metric(*sides)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "convert",
    [
        lambda values: torch.tensor(values, dtype=torch.bfloat16),
        lambda values: torch.tensor(values, dtype=torch.float16),
        lambda values: torch.tensor(values, dtype=torch.float64, requires_grad=True),
        lambda values: torch.tensor(values).int(),
        lambda values: np.array(values, dtype=object),
        lambda values: np.array(values, dtype=np.float16),
        lambda values: list(map(Decimal, values)),
        lambda values: list(map(Fraction, values)),
        tuple,
        pd.Series,
    ],
)
@of_two_sides
def test_real_numbers_may_come_in_any_container(
    metric: Metric, convert: Callable[[list[float]], object]
) -> None:
    inside, outside = [1.0, 2.0, 3.0], [2.0, 4.0]
    assert str(metric(convert(inside), convert(outside))) == str(metric(inside, outside))


@pytest.mark.parametrize("resamples", [0, -1, 1.5, True, "many", None])
def test_resamples_that_cannot_be_are_one_line(resamples: object) -> None:
    with pytest.raises(ValueError, match="^resamples: a whole number from 1 is wanted, got "):
        ood_bench.evaluate([1.0], [2.0], resamples=resamples)  # type: ignore[arg-type]


@pytest.mark.parametrize("level", [0, 1, 95, -0.5, float("nan"), "0.9"])
def test_a_level_that_is_no_share_is_one_line(level: object) -> None:
    with pytest.raises(ValueError, match="^level: a number between 0 and 1 is wanted, got "):
        ood_bench.evaluate([1.0], [2.0], level=level)  # type: ignore[arg-type]


def test_an_evaluation_of_tensors_counts_their_images() -> None:
    inside = torch.tensor([1.0, 2.0], dtype=torch.bfloat16, requires_grad=True)
    found = ood_bench.evaluate(inside, torch.tensor([3.0]), resamples=2)
    assert (found.n_inside, found.n_outside, found.auroc.value) == (2, 1, 1.0)
