"""Detectors of a classifier against slow forms of their formulas, and what they refuse."""

import math
from typing import Any

import numpy as np
import pytest
from scipy.special import softmax
from scipy.stats import multivariate_normal, weibull_min
from tests.unit.detectors.test_peers import (
    BIAS,
    CLASSES,
    FEATURES,
    IMAGES,
    KNOWN,
    LABEL,
    WEIGHT,
    columns,
)

from ood_bench.detectors import Columns, Detector
from ood_bench.detectors.ash import Ash
from ood_bench.detectors.dice import Dice
from ood_bench.detectors.entropy import Entropy
from ood_bench.detectors.fdbd import Fdbd
from ood_bench.detectors.gen import Gen
from ood_bench.detectors.gmm import Gmm
from ood_bench.detectors.kl_matching import KlMatching
from ood_bench.detectors.knn import Knn
from ood_bench.detectors.last_layer import last_layer
from ood_bench.detectors.mahalanobis import Mahalanobis
from ood_bench.detectors.nci import Nci
from ood_bench.detectors.nnguide import NnGuide
from ood_bench.detectors.openmax import OpenMax, weibull
from ood_bench.detectors.react import React
from ood_bench.detectors.residual import Residual
from ood_bench.detectors.rmds import Rmds
from ood_bench.detectors.scale import Scale
from ood_bench.detectors.shaping import growth, kept
from ood_bench.detectors.she import She
from ood_bench.detectors.vim import Vim

FIT = columns(KNOWN, LABEL)


def logits(*rows: list[float]) -> Columns:
    values = np.array(rows)
    return {f"classifier.logits.{k}": values[:, k] for k in range(values.shape[1])}


def test_the_last_layer_is_found_from_features_and_logits() -> None:
    layer = last_layer(FIT)
    np.testing.assert_allclose(layer.weight, WEIGHT, atol=1e-12)
    np.testing.assert_allclose(layer.bias, BIAS, atol=1e-12)


def test_the_residual_is_the_part_of_the_features_outside_the_principal_directions() -> None:
    origin = -np.linalg.pinv(WEIGHT) @ BIAS
    _, _, directions = np.linalg.svd(KNOWN - origin, full_matrices=False)
    inside = directions[:7]
    way = IMAGES - origin
    expected = np.linalg.norm(way - way @ inside.T @ inside, axis=1)
    assert Residual(dims=7).fit(FIT)(columns(IMAGES)) == pytest.approx(expected)


def test_entropy_is_that_of_scipy_and_log_k_for_equal_logits() -> None:
    from scipy.stats import entropy

    p = softmax(IMAGES @ WEIGHT.T + BIAS, axis=1)
    assert Entropy().fit(FIT)(columns(IMAGES)) == pytest.approx(entropy(p, axis=1))
    assert Entropy().fit(FIT)(logits([3.0, 3.0, 3.0])) == pytest.approx([math.log(3)])


def test_gen_does_not_tie_where_the_softmax_saturates() -> None:
    images = logits([50, 0, 0], [60, 0, 0], [700, 0, 0])
    assert (np.diff(Gen().fit(images)(images)) < 0).all()
    p = softmax([1.0, 2.0, 4.0])
    expected = sum((p * (1 - p)) ** 0.1)
    assert Gen().fit(images)(logits([1.0, 2.0, 4.0])) == pytest.approx([expected])


def test_kl_matching_is_zero_for_an_image_like_all_of_its_class() -> None:
    known = logits([4.0, 0.0, 1.0], [4.0, 0.0, 1.0], [0.0, 3.0, 0.0])
    assert KlMatching().fit(known)(known) == pytest.approx(0, abs=1e-12)
    p, d = softmax([1.0, 1.2, 5.0]), [softmax(row) for row in ([4.0, 0.0, 1.0], [0.0, 3.0, 0.0])]
    expected = min(float((p * np.log(p / q)).sum()) for q in d)
    assert KlMatching().fit(known)(logits([1.0, 1.2, 5.0])) == pytest.approx([expected])


def test_rmds_is_the_difference_of_two_mahalanobis_distances() -> None:
    one = {**FIT, "classifier.label": np.zeros(len(KNOWN))}
    images = columns(IMAGES)
    expected = Mahalanobis().fit(FIT)(images) - Mahalanobis().fit(one)(images)
    assert Rmds().fit(FIT)(images) == pytest.approx(expected)


def test_gmm_is_the_density_of_scipys_gaussians() -> None:
    total = np.zeros(len(IMAGES))
    for c in range(CLASSES):
        own = KNOWN[c == LABEL]
        covariance = np.cov(own.T, bias=True) + 1e-6 * np.eye(FEATURES)
        density = multivariate_normal(own.mean(axis=0), covariance).logpdf(IMAGES)
        total += len(own) / len(KNOWN) * np.exp(density - -20)
    scores = Gmm().fit(FIT)(columns(IMAGES))
    seen = total > 0
    assert seen.sum() > 80
    assert scores[seen] == pytest.approx(-np.log(total[seen]) + 20)


def test_she_takes_patterns_of_the_classes_that_have_one_alone() -> None:
    wrong = {**FIT, "classifier.label": np.where(LABEL == 2, 3, LABEL).astype(np.float64)}
    scores = She().fit(wrong)(columns(IMAGES))
    known = IMAGES @ WEIGHT.T + BIAS
    known[:, 2] = -np.inf
    patterns = {c: KNOWN[c == LABEL].mean(axis=0) for c in (0, 1, 3, 4)}
    expected = [-x @ patterns[c] for x, c in zip(IMAGES, known.argmax(axis=1), strict=True)]
    assert scores == pytest.approx(expected)


def test_nnguide_takes_a_thousandth_of_the_known_images_by_default() -> None:
    twice = {name: np.tile(values, 3)[:1600] for name, values in FIT.items()}
    images = columns(IMAGES)
    assert NnGuide().fit(twice)(images).tolist() == NnGuide(k=2).fit(twice)(images).tolist()


def test_fdbd_is_the_mean_distance_to_the_boundaries_in_units_of_that_to_the_mean() -> None:
    mean = KNOWN.mean(axis=0)
    expected = []
    for x in IMAGES:
        logit = WEIGHT @ x + BIAS
        top = int(logit.argmax())
        distances = [
            (logit[top] - logit[c]) / np.linalg.norm(WEIGHT[top] - WEIGHT[c])
            for c in range(CLASSES)
            if c != top
        ]
        expected.append(-np.mean(distances) / np.linalg.norm(x - mean))
    assert Fdbd().fit(FIT)(columns(IMAGES)) == pytest.approx(expected)


def test_ash_b_keeps_the_sum_of_the_features_and_ash_p_the_largest() -> None:
    shaped = Ash(variant="b", pruned=0.5)._shaped(IMAGES)
    assert shaped.sum(axis=1) == pytest.approx(IMAGES.sum(axis=1))
    pruned = Ash(variant="p", pruned=0.5)._shaped(IMAGES)
    for own, x in zip(pruned, IMAGES, strict=True):
        assert sorted(own)[FEATURES // 2 :] == sorted(x)[FEATURES // 2 :]
        assert (own > 0).sum() <= FEATURES // 2


def test_features_grow_by_one_where_nothing_is_pruned_and_at_most_by_how_many_there_are() -> None:
    assert growth(IMAGES, kept(IMAGES, 0.0)) == pytest.approx(1.0)
    for features in (IMAGES, IMAGES - 3.0, np.zeros((1, FEATURES)), np.ones((1, FEATURES))):
        found = growth(features, kept(features, 0.9))
        assert (found <= FEATURES / 2).all()
        assert np.isfinite(found).all()
    assert growth(np.ones((1, FEATURES)), kept(np.ones((1, FEATURES)), 0.9)).tolist() == [10.0]


def test_scale_and_react_leave_the_energy_of_what_they_do_not_change() -> None:
    from ood_bench.detectors.energy import Energy

    images = columns(IMAGES)
    energy = Energy().fit(FIT)(images)
    inside = IMAGES.max(axis=1) <= KNOWN.max()
    assert inside.sum() > 80
    assert React(quantile=1.0).fit(FIT)(images)[inside] == pytest.approx(energy[inside])
    grown = Energy().fit(FIT)(columns(math.e * IMAGES))
    assert Scale(pruned=0.0).fit(FIT)(images) == pytest.approx(grown)


def test_dice_drops_the_weights_that_contribute_least() -> None:
    part = WEIGHT * KNOWN.mean(axis=0)
    dropped = np.sort(part.ravel())[: round(0.9 * part.size)].max()
    sparse = np.where(part > dropped, WEIGHT, 0.0)
    expected = -np.log(np.exp(IMAGES @ sparse.T + BIAS).sum(axis=1))
    assert Dice().fit(FIT)(columns(IMAGES)) == pytest.approx(expected)


@pytest.mark.parametrize("shift", [0.0, 10_000.0])
def test_a_weibull_distribution_is_fitted_as_scipy_does(shift: float) -> None:
    values = np.random.default_rng(0).weibull(1.5, 30) * 4 + shift
    shape, log_scale = weibull(values)
    found = np.sum(weibull_min.logpdf(values, shape, scale=np.exp(log_scale)))
    for a, b in ((1.01, 1.0), (0.99, 1.0), (1.0, 1 + 1e-5), (1.0, 1 - 1e-5)):
        near = np.sum(weibull_min.logpdf(values, a * shape, scale=b * np.exp(log_scale)))
        assert near < found


def test_openmax_says_unknown_far_from_all_classes() -> None:
    far = logits([40.0, 39.0, 38.0, 37.0, 36.0])
    near = {name: values[:200] for name, values in FIT.items()}
    scorer = OpenMax().fit(FIT)
    assert scorer(far)[0] > 10
    assert np.median(scorer(near)) < 0


REFUSED: list[tuple[type[Detector], dict[str, Any], str]] = [
    (Gen, {"gamma": 1.0}, "gamma must be above 0 and below 1, got 1"),
    (Gen, {"classes": 0}, "classes must be at least 1, got 0"),
    (Gmm, {"jitter": 0.0}, "jitter must be positive, got 0"),
    (Knn, {"k": 0}, "k must be at least 1, got 0"),
    (NnGuide, {"k": 0}, "k must be at least 1, got 0"),
    (Nci, {"alpha": -1.0}, "alpha must be at least 0, got -1"),
    (Residual, {"dims": 0}, "dims must be at least 1, got 0"),
    (React, {"quantile": 0.0}, "above 0 and at most 1, got 0"),
    (Ash, {"pruned": 1.0}, "share from 0 to below 1, got 1"),
    (Scale, {"pruned": -0.1}, "share from 0 to below 1, got -0.1"),
    (Dice, {"pruned": 1.0}, "share from 0 to below 1, got 1"),
    (OpenMax, {"tail": 2}, "tail must be at least 3, got 2"),
    (OpenMax, {"classes": 0}, "classes must be at least 1, got 0"),
]


@pytest.mark.parametrize(("detector", "options", "message"), REFUSED)
def test_options_that_mean_nothing_are_refused(
    detector: type[Detector], options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        detector(**options)


def test_what_cannot_be_fitted_is_refused() -> None:
    nowhere = {**FIT, "classifier.label": np.full(len(KNOWN), 99.0)}
    with pytest.raises(ValueError, match="none of .* images is classified correctly"):
        She().fit(nowhere)
    with pytest.raises(ValueError, match="no class has 3 images that are classified correctly"):
        OpenMax().fit(nowhere)
    with pytest.raises(ValueError, match="at least 2 classes, got 1"):
        Gen().fit(logits([1.0]))
    few = {name: values[:3] for name, values in FIT.items()}
    with pytest.raises(ValueError, match="k = 4 needs as many images to fit on, got 3"):
        NnGuide(k=4).fit(few)
    equal = {**logits(*[[2.0, 0.0]] * 5), "classifier.label": np.zeros(5)}
    with pytest.raises(ValueError, match="largest distances of a class are equal"):
        OpenMax().fit(equal)
    alone = {name: values for name, values in FIT.items() if "logits" not in name}
    for count in (1, 2):  # one class, and two that do not differ
        flat = {f"classifier.logits.{k}": KNOWN[:, 0] for k in range(count)}
        with pytest.raises(ValueError, match="two classes that differ in their weights"):
            Fdbd().fit({**alone, **flat})


@pytest.mark.parametrize(
    "detector",
    [KlMatching, Rmds, Gmm, Residual, She, NnGuide, Fdbd, Nci, React, Ash, Scale, Dice, OpenMax,
     Knn, Mahalanobis, Vim],
)  # fmt: skip
def test_a_detector_is_fitted_on_what_its_paper_says_unless_a_suite_says_otherwise(
    detector: type[Detector],
) -> None:
    usual = "held_out" if detector is KlMatching else "train"
    assert detector().fit_on == usual
    assert {detector(fit_on=on).fit_on for on in ("train", "held_out")} == {"train", "held_out"}  # type: ignore[call-arg]
