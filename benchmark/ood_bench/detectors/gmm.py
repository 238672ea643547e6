"""A Gaussian for each class: an image is odd when its features are unlikely under all of them."""

import numpy as np
from scipy.linalg import solve_triangular
from scipy.special import logsumexp

from ood_bench.detectors import Columns, Detector, FitOn, Scorer, Scores
from ood_bench.detectors.last_layer import features_of
from ood_bench.detectors.matrix import Matrix


class Gmm(Detector):
    """-log Σ_c π_c N(f(x); μ_c, Σ_c), in nats.

    μ_c and Σ_c are mean and covariance (divided by n) of the features f of the known images of
    class c, by their labels, and π_c the share of that class: a mixture without any iteration.

    Args:
        jitter: What is added to each variance, in squared units of the features.
        fit_on: The known images: those that the classifier was trained on, as in the paper, or
            those held out.

    Reference:
        Mukhoti et al., Deep Deterministic Uncertainty: A New Simple Baseline, CVPR 2023,
        arXiv:2102.11582. The paper also trains the classifier with spectral normalisation.
    """

    needs = ("classifier.features.*",)
    fits_on = ("classifier.label",)

    def __init__(self, *, jitter: float = 1e-6, fit_on: FitOn = "train") -> None:
        if not jitter > 0:
            raise ValueError(f"jitter must be positive, got {jitter}")
        self.jitter = jitter
        self.fit_on = fit_on

    def fit(self, known: Columns) -> Scorer:
        """Return x ↦ minus the log-density.

        Raises:
            ValueError: If the jitter is too small for the features.
        """
        features, label = features_of(known), known["classifier.label"]
        parts = [self._part(features[label == c], c, len(features)) for c in np.unique(label)]

        def score(images: Columns) -> Scores:
            features = features_of(images)
            found: Scores = -logsumexp(
                [
                    level - 0.5 * np.square(_solved(factor, features - mean)).sum(axis=0)
                    for mean, factor, level in parts
                ],
                axis=0,
            )
            return found

        return score

    def _part(self, features: Matrix, c: float, images: int) -> tuple[Matrix, Matrix, float]:
        """Return mean, Cholesky factor, and log π_c less the log of N's normalisation."""
        mean = features.mean(axis=0)
        way = features - mean
        covariance = way.T @ way / len(way) + self.jitter * np.eye(len(mean))
        try:
            factor = np.linalg.cholesky(covariance)
        except np.linalg.LinAlgError as error:
            raise ValueError(
                f"the covariance of class {c:g} is singular with jitter {self.jitter:g}; raise it"
            ) from error
        normal = np.log(np.diag(factor)).sum() + 0.5 * len(mean) * np.log(2 * np.pi)
        return mean, factor, float(np.log(len(features) / images) - normal)


def _solved(factor: Matrix, way: Matrix) -> Matrix:
    """Return L⁻¹ of the rows of `way`, as columns; a row with a nan becomes nan."""
    found: Matrix = solve_triangular(factor, way.T, lower=True, check_finite=False)
    return found
