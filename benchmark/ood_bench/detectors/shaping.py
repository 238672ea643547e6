"""An image's features less the smallest of them, and by how much those left must grow."""

import numpy as np
from numpy.typing import NDArray

from ood_bench.detectors import Scores
from ood_bench.detectors.matrix import Matrix


def checked_pruned(pruned: float) -> float:
    """Return the share of features to prune.

    Raises:
        ValueError: If it is below 0, or 1 or above.
    """
    if not 0 <= pruned < 1:
        raise ValueError(f"pruned is a share from 0 to below 1, got {pruned}")
    return pruned


def kept(features: Matrix, pruned: float) -> NDArray[np.bool_]:
    """Return which features of each image are left, without a share of the smallest; at least one.

    Example:
        >>> kept(np.array([[3.0, 1.0, 2.0, 0.0]]), 0.5).tolist()
        [[True, False, True, False]]
    """
    count = features.shape[1]
    left = max(1, count - round(count * pruned))
    chosen = np.zeros(features.shape, np.bool_)
    np.put_along_axis(chosen, np.argpartition(features, count - left)[:, count - left :], True, 1)
    return chosen


def growth(features: Matrix, left: NDArray[np.bool_]) -> Scores:
    """Return the sum of all features over the sum of those that are left, of each image.

    Features after a ReLU have a ratio from 1 to the number of features over that of those left,
    which is the most that is returned; without a positive one among those left it is 0.
    """
    total, some = features.sum(axis=1), np.where(left, features, 0.0).sum(axis=1)
    most = features.shape[1] / left.sum(axis=1)
    positive = some > 0
    found: Scores = np.where(positive, total / np.where(positive, some, 1.0), 0.0)
    limited: Scores = np.minimum(found, most)
    return limited
