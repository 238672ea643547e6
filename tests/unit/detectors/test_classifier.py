"""Detectors over a classifier's logits and features, each against an independent computation."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial.distance import mahalanobis
from scipy.special import logsumexp, softmax
from sklearn.covariance import EmpiricalCovariance
from sklearn.neighbors import NearestNeighbors

from ood_bench.detectors import Columns, Detector
from ood_bench.detectors.energy import Energy
from ood_bench.detectors.knn import Knn
from ood_bench.detectors.mahalanobis import Mahalanobis
from ood_bench.detectors.max_logit import MaxLogit
from ood_bench.detectors.msp import Msp
from ood_bench.detectors.odin import Odin
from ood_bench.detectors.vim import Vim

Matrix = NDArray[np.float64]

CLASSES, FEATURES = 5, 12
RANDOM = np.random.default_rng(0)
CENTRES = RANDOM.normal(0, 3, (CLASSES, FEATURES))
MIX = RANDOM.normal(0, 1, (FEATURES, FEATURES))
WEIGHT, BIAS = CENTRES / 3, RANDOM.normal(0, 1, CLASSES)


def spread(name: str, values: Matrix) -> Columns:
    return {f"classifier.{name}.{k}": values[:, k] for k in range(values.shape[1])}


def classified(features: Matrix, label: NDArray[np.int64] | None = None) -> Columns:
    found = {**spread("features", features), **spread("logits", features @ WEIGHT.T + BIAS)}
    if label is not None:
        found["classifier.label"] = label.astype(np.float64)
    return found


def draw(n: int, seed: int) -> tuple[Matrix, NDArray[np.int64]]:
    random = np.random.default_rng(seed)
    label = random.integers(0, CLASSES, n)
    return CENTRES[label] + random.normal(0, 1, (n, FEATURES)) @ MIX, label


KNOWN, LABEL = draw(600, 1)
INSIDE, _ = draw(80, 2)
OUTSIDE = np.random.default_rng(3).normal(0, 12, (80, FEATURES))
HELD_OUT = classified(KNOWN, LABEL)


def logits(*rows: list[float]) -> Columns:
    return spread("logits", np.array(rows))


def test_msp_is_a_monotone_transform_of_the_maximum_softmax() -> None:
    images = classified(INSIDE)
    scores = Msp().fit(HELD_OUT)(images)
    p = softmax(INSIDE @ WEIGHT.T + BIAS, axis=1).max(axis=1)
    assert -np.log1p(np.exp(scores)) == pytest.approx(np.log(p), abs=1e-12)


def test_msp_does_not_tie_where_the_softmax_saturates() -> None:
    images = logits([50, 0, 0], [60, 0, 0], [2000, 0, 0], [1e6, 0, 0])
    scores = Msp().fit(images)(images)
    assert (np.diff(scores) < 0).all()
    assert np.isfinite(scores).all()


def test_msp_refuses_one_class() -> None:
    with pytest.raises(ValueError, match="at least 2 classes, got 1"):
        Msp().fit(logits([1.0]))


def test_max_logit_and_energy_are_closed_forms_of_the_logits() -> None:
    images = logits([1.0, 3.0], [1e6, -1e6], [-7000.0, -7000.0])
    assert MaxLogit().fit(images)(images).tolist() == [-3.0, -1e6, 7000.0]
    expected = [-np.log(np.exp(1) + np.exp(3)), -1e6, 7000 - np.log(2)]
    assert Energy().fit(images)(images) == pytest.approx(expected)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 100.0])
def test_energy_at_a_temperature(temperature: float) -> None:
    images = logits([1.0, 3.0, -2.0])
    total = sum(np.exp(value / temperature) for value in (1.0, 3.0, -2.0))
    scores = Energy(temperature=temperature).fit(images)(images)
    assert scores == pytest.approx([-temperature * np.log(total)])


def test_energy_refuses_a_temperature_that_is_not_positive() -> None:
    with pytest.raises(ValueError, match="must be positive, got 0"):
        Energy(temperature=0)


def test_odin_scores_the_least_sure_image_highest() -> None:
    columns = {"classifier.odin": np.array([0.1, 0.9])}
    assert Odin().fit(columns)(columns).tolist() == [-0.1, -0.9]


def by_scipy(known: Matrix, label: NDArray[np.int64], images: Matrix) -> list[float]:
    means = [known[label == c].mean(axis=0) for c in range(CLASSES)]
    residuals = np.concatenate([known[label == c] - means[c] for c in range(CLASSES)])
    precision = EmpiricalCovariance(assume_centered=True).fit(residuals).precision_
    assert precision is not None
    return [min(abs(mahalanobis(x, mean, precision)) ** 2 for mean in means) for x in images]


def test_mahalanobis_agrees_with_scipy_over_a_covariance_of_scikit_learn() -> None:
    for images in (INSIDE, OUTSIDE):
        scores = Mahalanobis().fit(HELD_OUT)(classified(images))
        assert scores == pytest.approx(by_scipy(KNOWN, LABEL, images), rel=1e-8)


def test_mahalanobis_takes_any_numbers_for_classes() -> None:
    named = {**HELD_OUT, "classifier.label": HELD_OUT["classifier.label"] * 7 - 3}
    images = classified(INSIDE)
    scores = Mahalanobis().fit(named)(images)
    assert scores.tolist() == Mahalanobis().fit(HELD_OUT)(images).tolist()
    assert Mahalanobis().fits_on == ("classifier.label",)


def test_mahalanobis_does_not_change_under_a_linear_map_of_the_features() -> None:
    turn = np.random.default_rng(4).normal(0, 1, (FEATURES, FEATURES))
    known = {**spread("features", KNOWN @ turn), "classifier.label": HELD_OUT["classifier.label"]}
    scores = Mahalanobis().fit(known)(spread("features", INSIDE @ turn))
    assert scores == pytest.approx(by_scipy(KNOWN, LABEL, INSIDE), rel=1e-6)


def test_features_that_never_fire_say_nothing() -> None:
    dead = np.zeros((600, 3))
    known = {
        **spread("features", np.hstack([KNOWN, dead])),
        "classifier.label": HELD_OUT["classifier.label"],
    }
    images = spread("features", np.hstack([INSIDE, np.ones((80, 3))]))
    scores = Mahalanobis().fit(known)(images)
    assert scores == pytest.approx(by_scipy(KNOWN, LABEL, INSIDE), rel=1e-8)


def test_full_shrinkage_is_the_euclidean_distance_in_the_mean_variance() -> None:
    scores = Mahalanobis(shrinkage=1).fit(HELD_OUT)(classified(INSIDE))
    means = np.stack([KNOWN[c == LABEL].mean(axis=0) for c in range(CLASSES)])
    variance = (KNOWN - means[LABEL]).var(axis=0).mean()
    squared = ((INSIDE[:, None] - means) ** 2).sum(axis=2).min(axis=1)
    assert scores == pytest.approx(squared / variance)


def test_shrinkage_makes_fewer_images_than_features_usable() -> None:
    few = {name: values[:10] for name, values in HELD_OUT.items()}
    scorer = Mahalanobis(shrinkage=0.1).fit(few)
    assert np.median(scorer(classified(OUTSIDE))) > np.median(scorer(classified(INSIDE)))


def test_mahalanobis_refuses_what_it_cannot_use() -> None:
    with pytest.raises(ValueError, match="share from 0 to 1, got 2"):
        Mahalanobis(shrinkage=2)
    constant = {**classified(np.ones((9, FEATURES)), np.zeros(9, np.int64))}
    with pytest.raises(ValueError, match="do not vary within their classes"):
        Mahalanobis().fit(constant)


@pytest.mark.parametrize("k", [1, 50, 600])
def test_knn_is_the_kth_distance_of_scikit_learn_between_unit_vectors(k: int) -> None:
    images = np.vstack([INSIDE, OUTSIDE, 1e6 * OUTSIDE])
    unit = [x / np.linalg.norm(x, axis=1, keepdims=True) for x in (KNOWN, images)]
    neighbours = NearestNeighbors(n_neighbors=k, algorithm="kd_tree").fit(unit[0])
    expected = neighbours.kneighbors(unit[1])[0][:, -1]
    scores = Knn(k=k).fit(HELD_OUT)(classified(images))
    assert scores == pytest.approx(expected, rel=1e-9)


def test_knn_takes_a_thousandth_of_the_known_images_by_default() -> None:
    images = classified(OUTSIDE)
    for count, k in ((600, 1), (2600, 3), (50, 1)):
        known = classified(draw(count, 8)[0])
        scores = Knn().fit(known)(images)
        assert scores.tolist() == Knn(k=k).fit(known)(images).tolist()


def test_knn_of_a_held_out_image_itself_is_zero_and_of_its_opposite_two() -> None:
    scores = Knn(k=1).fit(HELD_OUT)(classified(np.vstack([KNOWN[:3], np.zeros((1, FEATURES))])))
    assert scores[:3] == pytest.approx(0, abs=1e-15)
    assert scores[3] == pytest.approx(1)
    one = spread("features", np.ones((2, 3)))
    assert Knn(k=2).fit(one)(spread("features", -np.ones((1, 3)))) == pytest.approx([2.0])


def test_knn_refuses_more_neighbours_than_held_out_images() -> None:
    with pytest.raises(ValueError, match="k = 601 needs as many images to fit on, got 600"):
        Knn(k=601).fit(HELD_OUT)
    with pytest.raises(ValueError, match="at least 1, got 0"):
        Knn(k=0)


@pytest.mark.parametrize("dims", [None, 3])
def test_vim_is_what_its_paper_computes_from_the_last_layer_itself(dims: int | None) -> None:
    """Here weight and bias are known; the detector has to find them from features and logits."""
    origin = -np.linalg.pinv(WEIGHT) @ BIAS
    covariance = EmpiricalCovariance(assume_centered=True).fit(KNOWN - origin).covariance_
    values, vectors = np.linalg.eig(covariance)
    rest = vectors[:, np.argsort(-values)[dims or FEATURES // 2 :]]
    known_logits = KNOWN @ WEIGHT.T + BIAS
    alpha = known_logits.max(axis=1).mean() / np.linalg.norm((KNOWN - origin) @ rest, axis=1).mean()
    for images in (INSIDE, OUTSIDE):
        virtual = alpha * np.linalg.norm((images - origin) @ rest, axis=1)
        expected = virtual - logsumexp(images @ WEIGHT.T + BIAS, axis=1)
        assert Vim(dims=dims).fit(HELD_OUT)(classified(images)) == pytest.approx(expected)


def test_vim_scores_what_leaves_the_principal_space_above_what_stays() -> None:
    basis = np.linalg.qr(np.random.default_rng(5).normal(0, 1, (FEATURES, FEATURES)))[0]
    scales = np.where(np.arange(FEATURES) < 6, 5.0, 0.1)
    known = np.random.default_rng(6).normal(0, 1, (600, FEATURES)) * scales @ basis.T
    stays, leaves = basis[:, 0] * 5, basis[:, -1] * 5
    weight = np.random.default_rng(7).normal(0, 1, (CLASSES, 6)) @ basis[:, :6].T
    columns = [
        {**spread("features", x), **spread("logits", x @ weight.T + 1)}
        for x in (known, np.stack([stays, leaves]))
    ]
    inside, outside = Vim(dims=6).fit(columns[0])(columns[1])
    assert outside > inside


def test_vim_refuses_logits_of_another_layer_and_spaces_that_leave_nothing() -> None:
    wrong = {**HELD_OUT, **spread("logits", np.abs(KNOWN @ WEIGHT.T))}
    with pytest.raises(ValueError, match="no affine function of the features"):
        Vim().fit(wrong)
    with pytest.raises(ValueError, match="below the 12 features, got 12"):
        Vim(dims=12).fit(HELD_OUT)
    with pytest.raises(ValueError, match="at least 1, got 0"):
        Vim(dims=0)
    flat = np.hstack([KNOWN[:, :2], np.zeros((600, FEATURES - 2))])
    columns = {**spread("features", flat), **spread("logits", flat @ WEIGHT.T)}
    with pytest.raises(ValueError, match="lie within 6 dimensions"):
        Vim().fit(columns)


def test_vim_takes_the_dimensions_of_its_paper_by_default() -> None:
    from ood_bench.detectors.subspace import _default_dims

    assert [_default_dims(f) for f in (2048, 768, 512, 64)] == [1000, 512, 256, 32]


@pytest.mark.parametrize("detector", [Mahalanobis(), Knn(), Vim()])
def test_far_features_score_above_usual_ones(detector: Detector) -> None:
    scorer = detector.fit(HELD_OUT)
    assert np.median(scorer(classified(OUTSIDE))) > np.median(scorer(classified(INSIDE)))


def test_features_of_single_precision_are_good_enough_for_vim() -> None:
    rounded = {
        name: values.astype(np.float32).astype(np.float64) for name, values in HELD_OUT.items()
    }
    images = classified(INSIDE)
    scores = Vim().fit(rounded)(images)
    assert scores == pytest.approx(Vim().fit(HELD_OUT)(images), rel=1e-4)
