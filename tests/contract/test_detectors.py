"""What every registered detector promises, ours and a plugin's alike."""

import zlib

import numpy as np
import pytest

from ood_bench.detectors import Columns, Detector
from ood_bench.errors import PluginError
from ood_bench.registry import Registry, construct

REGISTRY = Registry()
NAMES = REGISTRY.names("detectors")
FEATURES, CLASSES, MEMBERS = 8, 3, 3

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:pyod.*")


def detector(name: str) -> Detector:
    plugin = REGISTRY.load("detectors", name)
    options = {"options": {"n_estimators": 10}} if name == "sklearn" else {}
    try:
        built: Detector = construct(plugin, name, options)
    except PluginError as error:
        if "pip install" not in str(error):
            raise
        pytest.skip(str(error))
    return built


def spelled_out(need: str) -> list[str]:
    """Names of columns that a need stands for."""
    if need.startswith("member.*."):
        return [need.replace("*", str(k), 1) for k in range(MEMBERS)]
    count = CLASSES if "logits" in need else FEATURES
    return [need.replace("*", str(k)) for k in range(count)] if need.endswith(".*") else [need]


def random_columns(names: tuple[str, ...], n: int, seed: int) -> Columns:
    """Columns at the scale of log-likelihoods; logits an affine function of features."""
    found = {}
    for name in (column for need in names for column in spelled_out(need)):
        random = np.random.default_rng([seed, zlib.crc32(name.encode())])
        found[name] = random.normal(-7000, 300, n)
        if "norm" in name or "odin" in name:
            found[name] = random.lognormal(3, 1, n)
        if name == "classifier.label":
            found[name] = random.integers(0, CLASSES, n).astype(np.float64)
        if "feature" in name:
            found[name] = random.normal(1, 2, n)
    if "classifier.features.0" in found:
        features = np.stack([found[f"classifier.features.{k}"] for k in range(FEATURES)], axis=1)
        weight = np.random.default_rng(7).normal(0, 1, (CLASSES, FEATURES))
        for k in range(CLASSES):
            if f"classifier.logits.{k}" in found:
                found[f"classifier.logits.{k}"] = features @ weight[k] + k
    return found


def held_out(tested: Detector) -> Columns:
    return random_columns((*tested.needs, *tested.fits_on), 150, seed=0)


def rows(columns: Columns, index: object) -> Columns:
    return {name: values[index] for name, values in columns.items()}  # type: ignore[call-overload]


@pytest.mark.parametrize("name", NAMES)
def test_a_detector_states_what_it_reads_and_reads_no_more(name: str) -> None:
    tested = detector(name)
    assert tested.needs
    assert all(isinstance(need, str) for need in (*tested.needs, *tested.fits_on))
    images = random_columns(tested.needs, 20, seed=1)
    scores = tested.fit(held_out(tested))(images)
    assert scores.dtype == np.float64
    assert scores.shape == (20 // tested.group,)
    assert np.isfinite(scores).all()


@pytest.mark.parametrize("name", NAMES)
def test_the_score_of_an_image_does_not_depend_on_the_images_beside_it(name: str) -> None:
    tested = detector(name)
    if tested.group > 1:
        pytest.skip("scores of groups depend on their images")
    scorer = tested.fit(held_out(tested))
    images = random_columns(tested.needs, 40, seed=1)
    scores = scorer(images)
    order = np.random.default_rng(0).permutation(40)
    assert scorer(rows(images, order)) == pytest.approx(scores[order], rel=1e-9, abs=1e-12)
    alone = [scorer(rows(images, [i]))[0] for i in range(40)]
    assert alone == pytest.approx(scores, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_fitting_again_gives_the_same_scores_and_scoring_changes_no_column(name: str) -> None:
    first = detector(name)
    known, images = held_out(first), random_columns(first.needs, 40, seed=1)
    before = {column: values.copy() for column, values in images.items()}
    scores = first.fit(known)(images)
    assert detector(name).fit(known)(images).tolist() == scores.tolist()
    assert all(np.array_equal(images[column], before[column]) for column in images)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("value", [-1e6, -7000.0, 0.0, 1e6])
def test_scores_are_finite_at_any_finite_value(name: str, value: float) -> None:
    tested = detector(name)
    scorer = tested.fit(held_out(tested))
    images = random_columns(tested.needs, 10, seed=1)
    for column in images:
        at = value if "norm" not in column else abs(value)
        extreme = {**images, column: np.full(10, at)}
        assert np.isfinite(scorer(extreme)).all()
    everywhere = {
        column: np.full(10, value if "norm" not in column else abs(value)) for column in images
    }
    assert np.isfinite(scorer(everywhere)).all()


@pytest.mark.parametrize("name", NAMES)
def test_a_missing_value_is_not_hidden(name: str) -> None:
    """It is a missing score of that image alone, or an error."""
    tested = detector(name)
    if tested.group > 1:
        pytest.skip("scores of groups depend on their images")
    scorer = tested.fit(held_out(tested))
    images = random_columns(tested.needs, 10, seed=1)
    if "elbo_above.2" in images:  # read are the first level and that of the option
        images = rows({column: images[column] for column in ("elbo_above.0", "elbo_above.1")}, ...)
    for column, values in images.items():
        damaged = np.where(np.arange(10) == 3, np.nan, values)
        try:
            scores = scorer({**images, column: damaged})
        except ValueError:
            continue
        assert np.isnan(scores).tolist() == [i == 3 for i in range(10)]
