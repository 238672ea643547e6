"""Metrics that a suite can add: values against scikit-learn and by hand, intervals by trials."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm
from sklearn.metrics import auc, precision_recall_curve, roc_auc_score
from tests.peer import pytorch_ood

from ood_bench.metrics import STANDARD, auroc, evaluate
from ood_bench.metrics.aupr_trapezoid import AuprTrapezoid
from ood_bench.metrics.fpr_at_tpr import FprAtTpr
from ood_bench.metrics.fpr_ood_positive import FprOodPositive
from ood_bench.metrics.partial_auroc import PartialAuroc

few = st.lists(st.integers(0, 6).map(float), min_size=1, max_size=12)


@given(few, few, st.sampled_from([0.05, 0.1, 0.25, 0.5, 0.9]))
def test_partial_auroc_is_that_of_scikit_learn(
    inside: list[float], outside: list[float], most: float
) -> None:
    labels = [0] * len(inside) + [1] * len(outside)
    expected = roc_auc_score(labels, inside + outside, max_fpr=most)
    assert PartialAuroc(max_fpr=most)(inside, outside, resamples=1).value == pytest.approx(
        expected, abs=1e-12
    )


@given(few, few)
def test_partial_auroc_over_all_thresholds_is_auroc(
    inside: list[float], outside: list[float]
) -> None:
    found = PartialAuroc(max_fpr=1.0)(inside, outside, resamples=1).value
    assert found == pytest.approx(auroc(inside, outside), abs=1e-12)


@given(few, few, st.sampled_from([0.01, 0.07, 0.5, 0.95, 0.99]))
def test_fpr_is_the_least_share_accepted_by_a_threshold_that_accepts_enough(
    inside: list[float], outside: list[float], tpr: float
) -> None:
    own, other = np.array(inside), np.array(outside)
    shares = [float(np.mean(other <= at)) for at in own if np.mean(own <= at) >= tpr - 1e-12]
    assert FprAtTpr(tpr=tpr)(inside, outside).value == pytest.approx(min(shares), abs=1e-12)


@given(few, few, st.sampled_from([0.01, 0.07, 0.5, 0.95, 0.99]))
def test_with_ood_as_positive_it_is_the_least_share_flagged_by_a_threshold_that_flags_enough(
    inside: list[float], outside: list[float], tpr: float
) -> None:
    own, other = np.array(inside), np.array(outside)
    shares = [float(np.mean(own >= at)) for at in other if np.mean(other >= at) >= tpr - 1e-12]
    metric = FprOodPositive(tpr=tpr)
    assert metric(inside, outside).value == pytest.approx(min(shares), abs=1e-12)
    assert metric(inside, outside) == FprAtTpr(tpr=tpr)(-other, -own)


@given(few, few)
def test_aupr_by_trapezoids_is_that_of_scikit_learns_curve(
    inside: list[float], outside: list[float]
) -> None:
    labels, scores = np.repeat([0, 1], [len(inside), len(outside)]), np.array(inside + outside)
    for metric, side, sign in (
        (AuprTrapezoid(), labels, 1),
        (AuprTrapezoid(positive="inside"), 1 - labels, -1),
    ):
        precision, recall, _ = precision_recall_curve(side, sign * scores)
        found = metric(inside, outside, resamples=1).value
        assert found == pytest.approx(auc(recall, precision), abs=1e-12)


@pytest.mark.parametrize("digits", [1, 9])
def test_pytorch_ood_prints_the_metrics_that_are_named_so(digits: int) -> None:
    """With ties and without."""
    import torch

    peer = pytorch_ood("metrics.functional")
    random = np.random.default_rng(0)
    inside, outside = random.normal(size=400).round(digits), random.normal(1, 2, 150).round(digits)
    scores = torch.tensor(np.concatenate([inside, outside]))
    labels = torch.tensor(np.repeat([0, -1], [400, 150]))
    for metric, theirs in (
        (FprOodPositive(), peer.fpr_at_tpr(scores, labels, 0.95)),
        (AuprTrapezoid(), peer.aupr(scores, labels, "ood")),
        (AuprTrapezoid(positive="inside"), peer.aupr(scores, labels, "id")),
    ):
        assert metric(inside, outside, resamples=1).value == pytest.approx(float(theirs), abs=1e-9)
    other = evaluate(inside, outside, seed=0, resamples=10)["fpr95"]
    assert other.value != pytest.approx(FprOodPositive()(inside, outside).value, abs=0.05)


def test_a_share_of_images_is_not_rounded_up_by_the_error_of_a_float() -> None:
    assert 0.07 * 100 > 7  # so that its ceiling is 8
    assert FprAtTpr(tpr=0.07)(np.arange(100.0), np.arange(100.0)).value == 0.07


def test_at_95_percent_it_is_the_standard_metric_with_its_interval() -> None:
    random = np.random.default_rng(0)
    inside, outside = random.normal(size=(2, 300)).round(1)
    found = evaluate(inside, outside + 1, seed=0, resamples=10)["fpr95"]
    assert (
        FprAtTpr(tpr=0.95)(inside, outside + 1) == found == STANDARD["fpr95"](inside, outside + 1)
    )


@pytest.mark.parametrize(
    ("metric", "options"),
    [
        (FprAtTpr, {"tpr": 0.0}),
        (FprAtTpr, {"tpr": 1.0}),
        (FprOodPositive, {"tpr": 1.0}),
        (PartialAuroc, {"max_fpr": 1.01}),
    ],
)
def test_a_share_that_is_none_is_refused(metric: type[FprAtTpr], options: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="must lie"):
        metric(**options)


def test_intervals_of_a_bootstrap_cover_what_is_true() -> None:
    metric = PartialAuroc(max_fpr=0.2)
    grid = np.linspace(0, 0.2, 20_001)
    area = np.trapezoid(norm.sf(norm.isf(grid) - 1), grid)
    true = (1 + (area - 0.02) / 0.18) / 2
    random = np.random.default_rng(0)
    trials = 200
    hits = 0
    for _ in range(trials):
        found = metric(random.normal(size=150), random.normal(1, 1, size=150), resamples=200)
        hits += found.low <= true <= found.high
    assert 0.90 <= hits / trials <= 0.99
