"""Gaussian distributions of a classifier's features."""

import numpy as np
from numpy.typing import NDArray

from ood_bench.detectors.matrix import Matrix

_RANK = 1e-10  # share of the largest variance below which a direction counts as constant


def class_means(features: Matrix, label: NDArray[np.float64]) -> tuple[Matrix, NDArray[np.intp]]:
    """Return the mean features of each class that occurs, and the place of each image's there."""
    classes, place = np.unique(label, return_inverse=True)
    means = np.stack([features[place == c].mean(axis=0) for c in range(len(classes))])
    return means, place


def whitening(residuals: Matrix, *, shrinkage: float = 0.0, of: str) -> Matrix:
    """Return A, `(F, rank)`, with A Aᵀ = Σ⁺, Σ the covariance of residuals about zero.

    Σ⁺ is the inverse on the directions in which they vary.

    Args:
        residuals: Features less their mean, `(N, F)`.
        shrinkage: Share s of (1 - s) Σ + s tr(Σ) / F · I.
        of: What does not vary, for the error.

    Raises:
        ValueError: If they do not vary.
    """
    covariance = residuals.T @ residuals / len(residuals)
    variance, directions = np.linalg.eigh(covariance)
    variance = np.maximum(variance, 0.0)
    if not variance[-1] > 0:
        raise ValueError(f"features of {len(residuals)} images do not vary{of}")
    variance = (1 - shrinkage) * variance + shrinkage * variance.mean()
    kept = variance > _RANK * variance[-1]
    found: Matrix = directions[:, kept] / np.sqrt(variance[kept])
    return found


def nearest(z: Matrix, centres: Matrix) -> Matrix:
    """Return the squared distance of each row of z to the nearest centre.

    It is measured from that centre itself, so no digits are lost far from the origin.
    """
    # squared distance less |z|², which orders alike; the nearest is then measured
    order = np.square(centres).sum(axis=1) - 2 * (z @ centres.T)
    way = z - centres[order.argmin(axis=1)]
    found: Matrix = np.einsum("ij,ij->i", way, way)
    return found
