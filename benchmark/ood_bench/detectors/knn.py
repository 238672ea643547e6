"""Deep nearest neighbours: an image is odd when few others have features like its own."""

import numpy as np

from ood_bench.detectors import Columns, Detector, FitOn, Scorer, Scores
from ood_bench.detectors.last_layer import features_of
from ood_bench.detectors.neighbours import checked_k, neighbours, unit

_BLOCK = 512  # images per block that is compared with all known ones


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
        k = neighbours(self.k, len(known))
        lengths = np.square(known).sum(axis=1)

        def score(images: Columns) -> Scores:
            features = unit(features_of(images))
            found = np.empty(len(features))
            for start in range(0, len(features), _BLOCK):
                block = features[start : start + _BLOCK]
                # squared distance less |f(x)|², which orders alike; the k-th is then measured
                order = lengths - 2 * (block @ known.T)
                kth = np.argpartition(order, k - 1, axis=1)[:, k - 1]
                found[start : start + _BLOCK] = np.linalg.norm(block - known[kth], axis=1)
            return found

        return score
