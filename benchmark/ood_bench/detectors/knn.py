"""Deep nearest neighbours: an image is odd when few others have features like its own."""

import numpy as np

from ood_bench.detectors import Columns, Detector, FitOn, Scorer, Scores, family
from ood_bench.detectors.matrix import Matrix

_BLOCK = 512  # images per block that is compared with all known ones
_SHARE = 1000  # the paper's k is 50 for the 50,000 training images of CIFAR-10


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
        if k is not None and k < 1:
            raise ValueError(f"k must be at least 1, got {k}")
        self.k = k
        self.fit_on = fit_on

    def fit(self, columns: Columns) -> Scorer:
        """Return x ↦ the distance to the k-th nearest known image.

        Raises:
            ValueError: If there are fewer than k.
        """
        known = _unit(family(columns, "classifier.features"))
        k = max(1, round(len(known) / _SHARE)) if self.k is None else self.k
        if len(known) < k:
            raise ValueError(f"k = {k} needs as many images to fit on, got {len(known)}")
        lengths = np.square(known).sum(axis=1)

        def score(images: Columns) -> Scores:
            features = _unit(family(images, "classifier.features"))
            found = np.empty(len(features))
            for start in range(0, len(features), _BLOCK):
                block = features[start : start + _BLOCK]
                # squared distance less |f(x)|², which orders alike; the k-th is then measured
                order = lengths - 2 * (block @ known.T)
                kth = np.argpartition(order, k - 1, axis=1)[:, k - 1]
                found[start : start + _BLOCK] = np.linalg.norm(block - known[kth], axis=1)
            return found

        return score


def _unit(features: Matrix) -> Matrix:
    length = np.linalg.norm(features, axis=1, keepdims=True)
    unit: Matrix = features / np.where(length == 0, 1.0, length)
    return unit
