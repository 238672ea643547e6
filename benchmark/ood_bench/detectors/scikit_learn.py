"""Estimators of scikit-learn over any statistics."""

import inspect
from collections.abc import Callable
from typing import Any

from sklearn.base import BaseEstimator

from ood_bench.detectors import Columns, Detector, Scorer
from ood_bench.detectors.estimators import checked_options, estimator_class, fit_estimator
from ood_bench.detectors.matrix import Matrix, checked


class SklearnEstimator(Detector):
    """-s(t(x)), s the score of a scikit-learn estimator for statistics t: larger s, more normal.

    s is `score_samples`, for a density estimator log q(t) in nats, or else
    `decision_function`. Any estimator that fits without labels will do:
    isolation forest, one-class SVM, Gaussian mixture, kernel density, elliptic envelope, and
    the local outlier factor with its option `novelty: true`.

    Args:
        estimator: Import path of the class, in the package sklearn.
        statistics: Columns, or families (`gradient_norm.*`).
        options: Options of the estimator.
        standardise: Scale each column by its held-out mean and standard deviation.
        seed: The `random_state` of an estimator that has one.

    Reference:
        Pedregosa et al., Scikit-learn: Machine Learning in Python, JMLR 2011, arXiv:1201.0490.
    """

    def __init__(
        self,
        *,
        estimator: str = "sklearn.ensemble.IsolationForest",
        statistics: tuple[str, ...] = ("log_prob",),
        options: dict[str, object] | None = None,
        standardise: bool = True,
        seed: int = 0,
    ) -> None:
        self.needs = checked(statistics)
        self.standardise = standardise
        self.estimator = estimator_class(estimator, "sklearn", BaseEstimator)
        self.options = checked_options(self.estimator, options or {}, seed)
        self.method = _method(self.estimator(**self.options))

    def fit(self, held_out: Columns) -> Scorer:
        """Return x ↦ -s(t(x)).

        Raises:
            ValueError: If the estimator refuses its options, or the score of an image depends on
                other images.
        """
        return fit_estimator(self._fitted, held_out, self.needs, standardise=self.standardise)

    def _fitted(self, values: Matrix) -> Callable[[Matrix], Any]:
        normality = getattr(self.estimator(**self.options).fit(values), self.method)
        return lambda rows: -normality(rows)


def _method(estimator: Any) -> str:
    name = type(estimator).__name__
    found = [way for way in ("score_samples", "decision_function") if hasattr(estimator, way)]
    if not found:
        hint = "; it needs the option novelty: true" if hasattr(estimator, "novelty") else ""
        raise ValueError(f"{name} has neither score_samples nor decision_function{hint}")
    labels = inspect.signature(estimator.fit).parameters.get("y")
    if labels is not None and labels.default is labels.empty:
        raise ValueError(f"{name} needs labels to fit; a detector has none")
    return found[0]
