"""Deep nearest neighbours: an image is odd when few others have features like its own."""

import numpy as np

from ood_bench.detectors import Columns, Detector, Scorer, Scores, family
from ood_bench.detectors.matrix import Matrix

_BLOCK = 512  # images per block that is compared with all held-out ones


class Knn(Detector):
    """Distance from f(x)/|f(x)| to its k-th nearest f/|f| of held-out images, without unit.

    0 to 2 for unit vectors; features that are all zero stay so.

    Args:
        k: Index of the neighbour; at most the number of held-out images.

    Reference:
        Sun et al., Out-of-Distribution Detection with Deep Nearest Neighbors, ICML 2022,
        arXiv:2204.06507.
    """

    needs = ("classifier.features.*",)

    def __init__(self, *, k: int = 50) -> None:
        if k < 1:
            raise ValueError(f"k must be at least 1, got {k}")
        self.k = k

    def fit(self, held_out: Columns) -> Scorer:
        """Return x ↦ the distance to the k-th nearest held-out image.

        Raises:
            ValueError: If there are fewer than k.
        """
        known = _unit(family(held_out, "classifier.features"))
        if len(known) < self.k:
            raise ValueError(f"k = {self.k} needs as many held-out images, got {len(known)}")
        lengths = np.square(known).sum(axis=1)

        def score(images: Columns) -> Scores:
            features = _unit(family(images, "classifier.features"))
            found = np.empty(len(features))
            for start in range(0, len(features), _BLOCK):
                block = features[start : start + _BLOCK]
                # squared distance less |f(x)|², which orders alike; the k-th is then measured
                order = lengths - 2 * (block @ known.T)
                kth = np.argpartition(order, self.k - 1, axis=1)[:, self.k - 1]
                found[start : start + _BLOCK] = np.linalg.norm(block - known[kth], axis=1)
            return found

        return score


def _unit(features: Matrix) -> Matrix:
    length = np.linalg.norm(features, axis=1, keepdims=True)
    unit: Matrix = features / np.where(length == 0, 1.0, length)
    return unit
