"""Relative Mahalanobis distance: far from every class, and farther than from all of them."""

import numpy as np

from ood_bench.detectors import Columns, Detector, FitOn, Scorer, Scores
from ood_bench.detectors.gaussian import class_means, nearest, whitening
from ood_bench.detectors.last_layer import features_of


class Rmds(Detector):
    """min_c (f(x) - μ_c)ᵀ Σ⁺ (f(x) - μ_c) - (f(x) - μ)ᵀ Σ_0⁺ (f(x) - μ), without unit.

    The first term is that of `mahalanobis`; μ and Σ_0 are mean and covariance of the features of
    all known images, whatever their class. A direction without variance is ignored.

    Args:
        fit_on: The known images: those that the classifier was trained on, as in the paper, or
            those held out.

    Reference:
        Ren et al., A Simple Fix to Mahalanobis Distance for Improving Near-OOD Detection, 2021,
        arXiv:2106.09022.
    """

    needs = ("classifier.features.*",)
    fits_on = ("classifier.label",)

    def __init__(self, *, fit_on: FitOn = "train") -> None:
        self.fit_on = fit_on

    def fit(self, known: Columns) -> Scorer:
        """Return x ↦ the squared distance to the nearest class mean less that to the mean.

        Raises:
            ValueError: If the features do not vary within the classes.
        """
        features = features_of(known)
        means, place = class_means(features, known["classifier.label"])
        middle = features.mean(axis=0)
        within = whitening(features - means[place], of=" within their classes")
        overall = whitening(features - middle, of="")
        centres = (means - middle) @ within

        def score(images: Columns) -> Scores:
            way = features_of(images) - middle
            found: Scores = nearest(way @ within, centres) - np.square(way @ overall).sum(axis=1)
            return found

        return score
