"""LPath: an image is odd when few others have its path through a VAE."""

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from scipy.special import ndtri

from ood_bench.detectors import Columns, Detector, Scorer
from ood_bench.detectors.copod import fit_copod
from ood_bench.detectors.estimators import fit_estimator
from ood_bench.detectors.gaussian import whitening
from ood_bench.detectors.matrix import Matrix


class LPath(Detector):
    """Outlier score of the reconstruction's error and the norms of the posterior's moments.

    With `copod`, each statistic is mapped to a normal one by its quantile among held-out images,
    the three are made uncorrelated (ZCA-cor), and the score is that of COPOD, in nats. With
    `mahalanobis` it is the squared Mahalanobis distance of the statistics as they are. The
    paper fits both to training images; here it is held-out ones. It is its variant of one model.

    Args:
        estimator: `copod` or `mahalanobis`.

    Reference:
        Huang et al., Rethinking Test-time Likelihood: The Likelihood Path Principle and Its
        Application to OOD Detection, 2024, arXiv:2401.04933;
        Li et al., COPOD: Copula-Based Outlier Detection, ICDM 2020, arXiv:2009.09463;
        Kessy et al., Optimal Whitening and Decorrelation, 2018, arXiv:1512.00809.
    """

    needs = ("likelihood_path.error", "likelihood_path.mean", "likelihood_path.std")

    def __init__(self, *, estimator: Literal["copod", "mahalanobis"] = "copod") -> None:
        if estimator not in ("copod", "mahalanobis"):
            raise ValueError(f"estimator is 'copod' or 'mahalanobis', got {estimator!r}")
        self.estimator = estimator

    def fit(self, held_out: Columns) -> Scorer:
        """Return x ↦ the outlier score of its path.

        Raises:
            ValueError: If values are missing, or none varies.
        """
        fitted = _copod if self.estimator == "copod" else _mahalanobis
        return fit_estimator(fitted, held_out, self.needs, standardise=True)


def _copod(held_out: Matrix) -> Callable[[Matrix], Any]:
    normal = _to_normal(held_out)
    known = normal(held_out)
    spread = known.std(axis=0)
    correlation = np.atleast_2d(np.corrcoef(known, rowvar=False))
    uncorrelated = _inverse_root(correlation) / spread[:, None]
    score = fit_copod(_times(known, uncorrelated))
    return lambda rows: score(_times(normal(rows), uncorrelated))


def _mahalanobis(held_out: Matrix) -> Callable[[Matrix], Any]:
    mean = held_out.mean(axis=0)
    whiten = whitening(held_out - mean, of="")
    return lambda rows: np.square((rows - mean) @ whiten).sum(axis=1)


def _times(rows: Matrix, columns: Matrix) -> Matrix:
    """Return a product whose rows are rounded alike however many there are, as ranks need it."""
    found: Matrix = (rows[:, :, None] * columns).sum(axis=1)
    return found


def _to_normal(held_out: Matrix) -> Callable[[Matrix], Matrix]:
    """Return a map of each column to the normal quantile of its middle rank among known rows."""
    ordered = np.sort(held_out, axis=0)

    def normal(rows: Matrix) -> Matrix:
        ranks = [
            np.searchsorted(column, row, side="left") + np.searchsorted(column, row, side="right")
            for column, row in zip(ordered.T, rows.T, strict=True)
        ]
        found: Matrix = ndtri((np.stack(ranks, axis=1) / 2 + 0.5) / (len(ordered) + 1))
        return found

    return normal


def _inverse_root(covariance: Matrix) -> Matrix:
    """Return Σ^(−1/2), symmetric; directions in which nothing varies are left out."""
    variance, directions = np.linalg.eigh(covariance)
    kept = variance > 1e-10 * variance[-1]
    found: Matrix = directions[:, kept] / np.sqrt(variance[kept]) @ directions[:, kept].T
    return found
