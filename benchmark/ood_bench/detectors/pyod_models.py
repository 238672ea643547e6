"""Models of PyOD over any statistics."""

import importlib
from collections.abc import Callable
from typing import Any

from ood_bench.detectors import Columns, Detector, Scorer
from ood_bench.detectors.estimators import checked_options, estimator_class, fit_estimator
from ood_bench.detectors.matrix import Matrix, checked
from ood_bench.errors import PluginError


class PyodModel(Detector):
    """The `decision_function` of a PyOD model of statistics: larger = more outlying.

    Models whose score of an image changes with the images scored with it, as ECOD and COPOD do,
    are refused when they are fitted.

    Args:
        estimator: Import path of the class, in pyod.models.
        statistics: Columns, or families (`gradient_norm.*`).
        options: Options of the model.
        standardise: Scale each column by its held-out mean and standard deviation.
        seed: The `random_state` of a model that has one.

    Raises:
        PluginError: If PyOD is not installed.

    Reference:
        Zhao et al., PyOD: A Python Toolbox for Scalable Outlier Detection, JMLR 2019,
        arXiv:1901.01588.
    """

    def __init__(
        self,
        *,
        estimator: str = "pyod.models.knn.KNN",
        statistics: tuple[str, ...] = ("log_prob",),
        options: dict[str, object] | None = None,
        standardise: bool = True,
        seed: int = 0,
    ) -> None:
        try:
            base = importlib.import_module("pyod.models.base").BaseDetector
        except ImportError as error:
            raise PluginError(
                f"the detector pyod needs PyOD ({error}): pip install 'ood-bench[pyod]'"
            ) from error
        self.needs = checked(statistics)
        self.standardise = standardise
        self.estimator = estimator_class(estimator, "pyod", base)
        self.options = checked_options(self.estimator, options or {}, seed)

    def fit(self, held_out: Columns) -> Scorer:
        """Return x ↦ the model's outlier score of the statistics of x.

        Raises:
            ValueError: If the model refuses its options, or the score of an image depends on
                other images.
        """
        return fit_estimator(self._fitted, held_out, self.needs, standardise=self.standardise)

    def _fitted(self, values: Matrix) -> Callable[[Matrix], Any]:
        decision: Callable[[Matrix], Any] = (
            self.estimator(**self.options).fit(values).decision_function
        )
        return decision
