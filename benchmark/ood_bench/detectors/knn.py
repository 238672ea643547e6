"""Deep nearest neighbours: an image is odd when few others have features like its own."""

import numpy as np

from ood_bench.detectors import Columns, Detector, FitOn, Scorer, Scores
from ood_bench.detectors.last_layer import features_of
from ood_bench.detectors.neighbours import block, checked_k, neighbours, unit


class Knn(Detector):
    """Distance from f(x)/|f(x)| to its k-th nearest f/|f| of known ID images, without unit.

    0 to 2 for unit vectors; features that are all zero stay so.

    Args:
        k: Index of the neighbour, at most the number of known images; default: a thousandth of
            that number, rounded, at least 1, as the paper's 50 of 50,000.
        fit_on: The known images: those that the classifier was trained on, as in the paper, or
            those held out.

    Reference:
        Sun et al., Out-of-Distribution Detection with Deep Nearest Neighbors, ICML 2022,
        arXiv:2204.06507.
    """

    needs = ("classifier.features.*",)

    def __init__(self, *, k: int | None = None, fit_on: FitOn = "train") -> None:
        self.k = checked_k(k)
        self.fit_on = fit_on

    def fit(self, columns: Columns) -> Scorer:
        """Return x ↦ the distance to the k-th nearest known image.

        Raises:
            ValueError: If there are fewer than k.
        """
        known = unit(features_of(columns))
        k, size = neighbours(self.k, len(known)), block(len(known))
        # squared distance less |f(x)|², which orders alike, as one product; the k-th is measured
        order = np.column_stack([-2 * known, np.square(known).sum(axis=1)]).T

        def score(images: Columns) -> Scores:
            features = unit(features_of(images))
            found = np.empty(len(features))
            for start in range(0, len(features), size):
                part = features[start : start + size]
                away = np.column_stack([part, np.ones(len(part))]) @ order
                kth = np.argpartition(away, k - 1, axis=1)[:, k - 1]
                found[start : start + size] = np.linalg.norm(part - known[kth], axis=1)
            return found

        return score
