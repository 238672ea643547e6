"""Copula-based outlier scores."""

from collections.abc import Callable

import numpy as np

from ood_bench.detectors import Scores
from ood_bench.detectors.matrix import Matrix


def fit_copod(held_out: Matrix) -> Callable[[Matrix], Scores]:
    """Return rows ↦ their COPOD score, in nats; larger = more outlying.

    The largest of three sums over columns: of -ln of the share of rows that are at most the
    row's value, of -ln of the share that are at least, and of the one or the other, by the sign
    of the column's skewness over the held-out rows. Shares are among the held-out rows and
    the row itself, whatever other rows are scored.

    Args:
        held_out: Rows, shape `(N, K)`.

    Reference:
        Li et al., COPOD: Copula-Based Outlier Detection, ICDM 2020, arXiv:2009.09463.
    """
    ordered = np.sort(held_out, axis=0)
    count, columns = held_out.shape
    centred = held_out - held_out.mean(axis=0)
    of_left = (centred**3).mean(axis=0) < 0

    def score(rows: Matrix) -> Scores:
        left, right = np.empty_like(rows), np.empty_like(rows)
        for k in range(columns):
            at_most = np.searchsorted(ordered[:, k], rows[:, k], side="right")
            below = np.searchsorted(ordered[:, k], rows[:, k], side="left")
            left[:, k] = -np.log((at_most + 1) / (count + 1))
            right[:, k] = -np.log((count - below + 1) / (count + 1))
        tails = (left, right, np.where(of_left, left, right))
        found: Scores = np.max([tail.sum(axis=1) for tail in tails], axis=0)
        return found

    return score
