"""DoSE: an image is odd when few others have its statistics."""

from collections.abc import Callable
from typing import Literal

import numpy as np

from ood_bench.detectors import Columns, Detector, Scorer, Scores
from ood_bench.detectors.density import log_kde
from ood_bench.detectors.matrix import Matrix, checked, scale, stacked


class Dose(Detector):
    """-Σ_k log q_k(t_k(x)), the density of states of statistics t_k, in nats.

    Each statistic is standardised with its mean and standard deviation over held-out images;
    one that is the same for all of them is left out. With `kde`, q_k is a Gaussian kernel
    density estimate of one statistic with Scott's bandwidth, the statistics taken as
    independent. With `svm`, the score is minus the decision function of a one-class SVM over
    all statistics, without unit: kernel exp(-|t - t'|² / K) for K statistics and ν = 0.5, the
    defaults of scikit-learn.

    Args:
        statistics: Columns, or families (`gradient_norm.*`). The default is what every model
            yields; the paper takes the terms of a model's likelihood: `log_prob`, `log_prior`
            and `log_volume` of a flow, `log_prob`, `reconstruction` and `kl` of a VAE.
        estimator: How the density is estimated.

    Reference:
        Morningstar et al., Density of States Estimation for Out-of-Distribution Detection,
        AISTATS 2021, arXiv:2006.09273.
    """

    def __init__(
        self,
        *,
        statistics: tuple[str, ...] = ("log_prob", "complexity_png"),
        estimator: Literal["kde", "svm"] = "kde",
    ) -> None:
        if estimator not in ("kde", "svm"):
            raise ValueError(f"estimator is 'kde' or 'svm', got {estimator!r}")
        self.needs = checked(statistics)
        self.estimator = estimator

    def fit(self, held_out: Columns) -> Scorer:
        """Return x ↦ -log of the density of its statistics over the held-out images.

        Raises:
            ValueError: If no statistic varies over the held-out images.
        """
        values = stacked(held_out, self.needs)
        standard = scale(values, self.needs)
        surprise = _kde(standard(values)) if self.estimator == "kde" else _svm(standard(values))

        def score(images: Columns) -> Scores:
            return surprise(standard(stacked(images, self.needs)))

        return score


def _kde(held_out: Matrix) -> Callable[[Matrix], Scores]:
    log_densities = [log_kde(column) for column in held_out.T]

    def surprise(values: Matrix) -> Scores:
        total = np.zeros(len(values))
        for log_density, column in zip(log_densities, values.T, strict=True):
            total -= log_density(column)
        return total

    return surprise


def _svm(held_out: Matrix) -> Callable[[Matrix], Scores]:
    from sklearn.svm import OneClassSVM

    fitted = OneClassSVM(kernel="rbf", gamma=1 / held_out.shape[1], nu=0.5).fit(held_out)

    def surprise(values: Matrix) -> Scores:
        return -np.asarray(fitted.decision_function(values), np.float64)

    return surprise
