"""fDBD: an image is odd when its features are near the boundaries between classes."""

import numpy as np

from ood_bench.detectors import Columns, Detector, FitOn, Scorer, Scores
from ood_bench.detectors.last_layer import features_of, last_layer, logits_of

_TINY = 1e-12


class Fdbd(Detector):
    """-mean_c [ (logit_ŷ - logit_c) / |w_ŷ - w_c| ] / |f(x) - μ| over classes c ≠ ŷ, without unit.

    ŷ is the likeliest class, w_c the weights of class c in the last layer, and μ the mean of the
    features f of known images: the distance to each decision boundary, relative to that from the
    mean. The weights come from known features and logits by least squares, as in `vim`.

    Args:
        fit_on: The known images: those that the classifier was trained on, as in the paper, or
            those held out.

    Reference:
        Liu & Qin, Fast Decision Boundary based Out-of-Distribution Detector, ICML 2024,
        arXiv:2312.11536.
    """

    needs = ("classifier.features.*", "classifier.logits.*")
    reads_last_layer = True

    def __init__(self, *, fit_on: FitOn = "train") -> None:
        self.fit_on = fit_on

    def fit(self, known: Columns) -> Scorer:
        """Return x ↦ minus the mean relative distance to the boundaries.

        Raises:
            ValueError: If there is one class, two classes have the same weights, or the logits
                are no affine function of the features.
        """
        weight, mean = last_layer(known).weight, features_of(known).mean(axis=0)
        apart = np.linalg.norm(weight[:, None] - weight, axis=2)
        others = ~np.eye(len(weight), dtype=bool)
        if len(weight) < 2 or not apart[others].min() > 0:
            raise ValueError("a boundary needs two classes that differ in their weights")
        np.fill_diagonal(apart, 1.0)  # there the logits differ by 0

        def score(images: Columns) -> Scores:
            logits = logits_of(images)
            behind = logits.max(axis=1, keepdims=True) - logits
            distance = (behind / apart[logits.argmax(axis=1)]).sum(axis=1) / (len(weight) - 1)
            away = np.linalg.norm(features_of(images) - mean, axis=1)
            found: Scores = -distance / np.maximum(away, _TINY)
            return found

        return score
