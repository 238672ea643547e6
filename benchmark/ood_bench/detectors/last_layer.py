"""The last, linear layer of a classifier, found from its features and logits."""

from typing import NamedTuple

import numpy as np
from scipy.special import logsumexp

from ood_bench.detectors import Columns, Scores, family
from ood_bench.detectors.matrix import Matrix

_AFFINE = 1e-3  # of the logits' spread; what float32 rounding leaves is far below


class LastLayer(NamedTuple):
    """Logits W f + b of features f: weight `(K, F)` and bias `(K,)`."""

    weight: Matrix
    bias: Matrix

    def logits(self, features: Matrix) -> Matrix:
        """Return the logits, `(N, K)`, of features, `(N, F)`."""
        found: Matrix = features @ self.weight.T + self.bias
        return found

    def energy(self, features: Matrix) -> Scores:
        """Return -log Σ_k exp(logits_k), in nats."""
        found: Scores = -logsumexp(self.logits(features), axis=1)
        return found


def features_of(columns: Columns) -> Matrix:
    """Return the features of a classifier, shape `(N, F)`."""
    return family(columns, "classifier.features")


def logits_of(columns: Columns) -> Matrix:
    """Return the logits of a classifier, shape `(N, K)`."""
    return family(columns, "classifier.logits")


def last_layer(columns: Columns) -> LastLayer:
    """Return W and b from features and logits by least squares.

    They are exact if there are more images than features and the features have full rank. A
    feature that does not vary has weight 0.

    Raises:
        ValueError: If the logits are no affine function of the features.
    """
    features, logits = features_of(columns), logits_of(columns)
    middle, level = features.mean(axis=0), logits.mean(axis=0)
    weight = np.linalg.lstsq(features - middle, logits - level)[0].T
    layer = LastLayer(weight, level - weight @ middle)
    error = np.abs(layer.logits(features) - logits).max()
    if error > _AFFINE * (logits - level).std():
        raise ValueError(
            f"the logits are no affine function of the features: they differ by up to {error:.3g}; "
            "features are what the last, linear layer of a classifier takes"
        )
    return layer
