"""Mahalanobis distance: an image is odd when its features are far from every class."""

import numpy as np

from ood_bench.detectors import Columns, Detector, FitOn, Scorer, Scores, family
from ood_bench.detectors.matrix import Matrix

_BLOCK = 256  # images per block, so that their features stay in the cache
_RANK = 1e-10  # share of the largest variance below which a direction counts as constant


class Mahalanobis(Detector):
    """min_c (f(x) - μ_c)ᵀ Σ⁺ (f(x) - μ_c), without unit.

    μ_c are the class means of the features f of known ID images, by their labels, and Σ their
    covariance about their class means (divided by n), one for all classes. Σ⁺ is the inverse
    on the directions in which they vary; directions without variance are ignored.

    The paper's basic form. The paper also moves the image a step towards the nearest class, and
    weighs the distances in several layers by a logistic regression. Here neither is done: f are
    the features before the last linear layer.

    Args:
        shrinkage: Share s, 0 to 1, of (1 - s) Σ + s tr(Σ) / F · I. 0 is the paper's estimate;
            with fewer than about ten known images per feature it is too noisy, and s = 0.01
            to 0.1 stabilises it.
        fit_on: The known images: those that the classifier was trained on, as in the paper, or
            those held out.

    Reference:
        Lee et al., A Simple Unified Framework for Detecting Out-of-Distribution Samples and
        Adversarial Attacks, NeurIPS 2018, arXiv:1807.03888.
    """

    needs = ("classifier.features.*",)
    fits_on = ("classifier.label",)

    def __init__(self, *, shrinkage: float = 0.0, fit_on: FitOn = "train") -> None:
        if not 0 <= shrinkage <= 1:
            raise ValueError(f"shrinkage is a share from 0 to 1, got {shrinkage}")
        self.shrinkage = shrinkage
        self.fit_on = fit_on

    def fit(self, known: Columns) -> Scorer:
        """Return x ↦ the squared distance to the nearest class mean.

        Raises:
            ValueError: If the features do not vary within the classes.
        """
        features = family(known, "classifier.features")
        classes, label = np.unique(known["classifier.label"], return_inverse=True)
        means = np.stack([features[label == c].mean(axis=0) for c in range(len(classes))])
        middle = features.mean(axis=0)
        whiten = self._whitening(features - means[label])
        centres = (means - middle) @ whiten
        lengths = np.square(centres).sum(axis=1)

        def score(images: Columns) -> Scores:
            features = family(images, "classifier.features")
            nearest = np.empty(len(features))
            for start in range(0, len(features), _BLOCK):
                part = slice(start, start + _BLOCK)
                z = (features[part] - middle) @ whiten
                # squared distance less |z|², which orders alike; the nearest is then measured
                order = lengths - 2 * (z @ centres.T)
                way = z - centres[order.argmin(axis=1)]
                nearest[part] = np.einsum("ij,ij->i", way, way)
            return nearest

        return score

    def _whitening(self, residuals: Matrix) -> Matrix:
        """Return A, `(F, rank)`, with A Aᵀ = Σ⁺."""
        covariance = residuals.T @ residuals / len(residuals)
        variance, directions = np.linalg.eigh(covariance)
        variance = np.maximum(variance, 0.0)
        if not variance[-1] > 0:
            raise ValueError(
                f"features of {len(residuals)} images do not vary within their classes"
            )
        s = self.shrinkage
        variance = (1 - s) * variance + s * variance.mean()
        kept = variance > _RANK * variance[-1]
        whiten: Matrix = directions[:, kept] / np.sqrt(variance[kept])
        return whiten
