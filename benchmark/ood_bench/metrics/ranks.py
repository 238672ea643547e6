"""Scores as ranks in [0, 1]."""

import numpy as np
from numpy.typing import ArrayLike

from ood_bench.metrics.checks import Scores, both_sides


def dense_ranks(inside: ArrayLike, outside: ArrayLike) -> tuple[Scores, Scores]:
    """Return both sides' scores as ranks in [0, 1] that keep their order and their ties.

    Use them with torchmetrics, which applies a sigmoid to values outside [0, 1] and so maps every
    log-likelihood of -7000 nats to 0 and every AUROC to 0.5. Equal scores share a
    rank, and the next distinct score has the next rank; if all are equal the rank is 0.

    Raises:
        ValueError: If a side is empty or has a score that is not finite.

    Example:
        >>> inside, outside = dense_ranks([-7001, -7000], [-7000, -6000])
        >>> inside.tolist(), outside.tolist()
        ([0.0, 0.5], [0.5, 1.0])
    """
    inside, outside = both_sides(inside, outside)
    distinct, places = np.unique(np.concatenate([inside, outside]), return_inverse=True)
    ranks = places / max(len(distinct) - 1, 1)
    return ranks[: len(inside)], ranks[len(inside) :]
