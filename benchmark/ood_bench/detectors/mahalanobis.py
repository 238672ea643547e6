"""Mahalanobis distance: an image is odd when its features are far from every class."""

import numpy as np

from ood_bench.detectors import Columns, Detector, FitOn, Scorer, Scores
from ood_bench.detectors.gaussian import class_means, nearest, whitening
from ood_bench.detectors.last_layer import features_of

_BLOCK = 256  # images per block, so that their features stay in the cache


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
        features = features_of(known)
        means, place = class_means(features, known["classifier.label"])
        middle = features.mean(axis=0)
        whiten = whitening(
            features - means[place], shrinkage=self.shrinkage, of=" within their classes"
        )
        centres = (means - middle) @ whiten

        def score(images: Columns) -> Scores:
            features = features_of(images)
            found = np.empty(len(features))
            for start in range(0, len(features), _BLOCK):
                part = slice(start, start + _BLOCK)
                found[part] = nearest((features[part] - middle) @ whiten, centres)
            return found

        return score
