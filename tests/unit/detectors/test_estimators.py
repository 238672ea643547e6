"""Estimators of scikit-learn and PyOD as detectors: values, orientation, what is refused."""

import sys
from typing import Any

import numpy as np
import pytest
from scipy import stats
from sklearn.ensemble import IsolationForest
from sklearn.mixture import GaussianMixture

from ood_bench.detectors import Columns
from ood_bench.detectors.pyod_models import PyodModel
from ood_bench.detectors.scikit_learn import SklearnEstimator
from ood_bench.errors import PluginError
from ood_bench.registry import Registry, construct

STATISTICS = ("log_prob", "gradient_norm.*")


def columns(n: int, seed: int, shift: float = 0.0) -> Columns:
    random = np.random.default_rng(seed)
    return {
        "log_prob": random.normal(-7000 + shift, 300, n),
        "gradient_norm.0": random.normal(40 + shift / 100, 2, n),
    }


def rows(found: Columns) -> np.ndarray[Any, np.dtype[np.float64]]:
    return np.stack([found["log_prob"], found["gradient_norm.0"]], axis=1)


HELD_OUT, INSIDE, OUTSIDE = columns(400, 0), columns(50, 1), columns(50, 2, shift=3000)
MEAN, STD = rows(HELD_OUT).mean(axis=0), rows(HELD_OUT).std(axis=0)

ESTIMATORS: dict[str, dict[str, object]] = {
    "sklearn.ensemble.IsolationForest": {"n_estimators": 20},
    "sklearn.svm.OneClassSVM": {"nu": 0.1},
    "sklearn.decomposition.PCA": {},
    "sklearn.mixture.GaussianMixture": {"n_components": 2},
    "sklearn.neighbors.KernelDensity": {"bandwidth": 0.3},
    "sklearn.neighbors.LocalOutlierFactor": {"novelty": True},
    "sklearn.covariance.EllipticEnvelope": {},
}


@pytest.mark.parametrize("path", ESTIMATORS)
def test_every_kind_of_estimator_scores_outside_above_inside(path: str) -> None:
    detector = SklearnEstimator(estimator=path, statistics=STATISTICS, options=ESTIMATORS[path])
    scorer = detector.fit(HELD_OUT)
    assert scorer(INSIDE).max() < scorer(OUTSIDE).min()
    again = SklearnEstimator(estimator=path, statistics=STATISTICS, options=ESTIMATORS[path])
    assert scorer(INSIDE).tolist() == again.fit(HELD_OUT)(INSIDE).tolist()


def test_the_score_is_minus_what_the_estimator_itself_says() -> None:
    detector = SklearnEstimator(statistics=STATISTICS, options={"n_estimators": 10}, seed=3)
    forest = IsolationForest(n_estimators=10, random_state=3).fit((rows(HELD_OUT) - MEAN) / STD)
    expected = -forest.score_samples((rows(INSIDE) - MEAN) / STD)
    assert detector.fit(HELD_OUT)(INSIDE) == pytest.approx(expected)


def test_without_standardising_a_mixture_of_one_is_a_gaussian_density() -> None:
    detector = SklearnEstimator(
        estimator="sklearn.mixture.GaussianMixture",
        statistics=STATISTICS,
        options={"reg_covar": 0.0},
        standardise=False,
    )
    normal = stats.multivariate_normal(MEAN, np.cov(rows(HELD_OUT).T, ddof=0))
    assert detector.fit(HELD_OUT)(INSIDE) == pytest.approx(-normal.logpdf(rows(INSIDE)))


def test_the_seed_reaches_an_estimator_that_has_a_random_state_and_no_other() -> None:
    assert SklearnEstimator(seed=5).options == {"random_state": 5}
    assert SklearnEstimator(estimator="sklearn.svm.OneClassSVM", seed=5).options == {}


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("os.path.join", "must be the path of a class in sklearn, got 'os.path.join'"),
        ("sklearnex.svm.OneClassSVM", "must be the path of a class in sklearn"),
        ("sklearn", "must be the path of a class in sklearn"),
        ("sklearn..svm", "must be the path of a class in sklearn"),
        ("sklearn.svm.OneClasSVM", "no estimator 'OneClasSVM'; did you mean 'OneClassSVM'?"),
        ("sklearn.svmm.OneClassSVM", "estimator 'sklearn.svmm.OneClassSVM': No module named"),
        ("sklearn.utils.Bunch", "no estimator 'Bunch'"),
        ("sklearn.decomposition.NMF", "NMF has neither score_samples nor decision_function"),
        ("sklearn.neighbors.LocalOutlierFactor", "it needs the option novelty: true"),
        ("sklearn.linear_model.LogisticRegression", "LogisticRegression needs labels to fit"),
    ],
)
def test_a_path_that_is_no_estimator_is_refused_in_one_line(path: str, message: str) -> None:
    with pytest.raises(ValueError, match=message.replace("?", r"\?")) as caught:
        SklearnEstimator(estimator=path)
    assert "\n" not in str(caught.value)


def test_nothing_outside_the_package_is_imported() -> None:
    sys.modules.pop("antigravity", None)
    for path in ("antigravity.x.Y", "sklearn.antigravity.Y"):
        with pytest.raises(ValueError, match="estimator"):
            SklearnEstimator(estimator=path)
    assert "antigravity" not in sys.modules


def test_an_unknown_option_is_answered_with_a_near_one() -> None:
    with pytest.raises(ValueError, match="IsolationForest has no option 'n_estimator'; did you"):
        SklearnEstimator(options={"n_estimator": 5})
    with pytest.raises(ValueError, match="random state as seed"):
        SklearnEstimator(options={"random_state": 5})


def test_a_refusal_reaches_the_planner_as_an_error_of_the_plugin() -> None:
    plugin = Registry().load("detectors", "sklearn")
    with pytest.raises(PluginError, match="'sklearn': estimator must be the path of a class"):
        construct(plugin, "sklearn", {"estimator": "os.system"})
    built = construct(plugin, "sklearn", {"statistics": ["log_prob"], "options": {"bootstrap": 1}})
    assert built.options["bootstrap"] == 1


class Ranks(GaussianMixture):  # type: ignore[misc]  # scikit-learn has no types
    def score_samples(self, X: Any) -> Any:
        return X[:, 0] - X[:, 0].mean()


def test_an_estimator_whose_scores_depend_on_the_batch_is_refused() -> None:
    detector = SklearnEstimator(estimator="sklearn.mixture.GaussianMixture")
    detector.estimator = Ranks
    with pytest.raises(ValueError, match="depends on the images that are scored with it"):
        detector.fit(HELD_OUT)


def test_a_missing_value_is_no_usual_one_even_to_an_estimator_that_takes_it() -> None:
    images = {name: values.copy() for name, values in INSIDE.items()}
    images["gradient_norm.0"][7] = np.nan
    detector = SklearnEstimator(statistics=STATISTICS, options={"n_estimators": 10})
    scores = detector.fit(HELD_OUT)(images)
    assert np.flatnonzero(np.isnan(scores)).tolist() == [7]
    with pytest.raises(ValueError, match="values are missing among the held-out images"):
        detector.fit(images)


def test_without_pyod_the_message_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyod.models.base", None)
    with pytest.raises(PluginError, match=r"pip install 'ood-bench\[pyod\]'"):
        PyodModel()


@pytest.mark.parametrize(
    ("path", "options"),
    [
        ("pyod.models.knn.KNN", {"n_neighbors": 10}),
        ("pyod.models.iforest.IForest", {"n_estimators": 20}),
        ("pyod.models.lof.LOF", {}),
        ("pyod.models.pca.PCA", {}),
        ("pyod.models.hbos.HBOS", {}),
    ],
)
@pytest.mark.filterwarnings("ignore")  # a package beside ours may warn
def test_models_of_pyod_score_outside_above_inside(path: str, options: dict[str, object]) -> None:
    pytest.importorskip("pyod")
    scorer = PyodModel(estimator=path, statistics=STATISTICS, options=options).fit(HELD_OUT)
    assert np.median(scorer(INSIDE)) < scorer(OUTSIDE).min()


@pytest.mark.filterwarnings("ignore")
def test_the_score_of_pyod_is_its_decision_function() -> None:
    knn = pytest.importorskip("pyod.models.knn")
    model = knn.KNN(n_neighbors=7).fit((rows(HELD_OUT) - MEAN) / STD)
    detector = PyodModel(statistics=STATISTICS, options={"n_neighbors": 7})
    expected = model.decision_function((rows(INSIDE) - MEAN) / STD)
    assert detector.fit(HELD_OUT)(INSIDE) == pytest.approx(expected)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("path", ["pyod.models.ecod.ECOD", "pyod.models.copod.COPOD"])
def test_models_of_pyod_that_rank_images_among_one_another_are_refused(path: str) -> None:
    pytest.importorskip("pyod")
    with pytest.raises(ValueError, match="depends on the images that are scored with it"):
        PyodModel(estimator=path, statistics=STATISTICS).fit(HELD_OUT)


@pytest.mark.filterwarnings("ignore")
def test_mistakes_in_a_pyod_model_are_answered() -> None:
    pytest.importorskip("pyod")
    with pytest.raises(ValueError, match="must be the path of a class in pyod"):
        PyodModel(estimator="sklearn.svm.OneClassSVM")
    with pytest.raises(ValueError, match=r"no estimator 'KN'"):
        PyodModel(estimator="pyod.models.knn.KN")
    with pytest.raises(ValueError, match="did you mean 'n_neighbors'"):
        PyodModel(options={"n_neighbours": 3})
