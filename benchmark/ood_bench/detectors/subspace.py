"""The directions in which a classifier's features hardly vary."""

from typing import NamedTuple

import numpy as np

from ood_bench.detectors import Columns, Scores
from ood_bench.detectors.last_layer import features_of, last_layer
from ood_bench.detectors.matrix import Matrix

_NOTHING = 1e-6  # of the features' size; a residual below it is rounding


class Subspace(NamedTuple):
    """An origin, `(F,)`, and the directions R of least variance about it, `(F, F - D)`."""

    origin: Matrix
    rest: Matrix

    def residual(self, features: Matrix) -> Scores:
        """Return |(f - o) R|, in the unit of the features."""
        found: Scores = np.linalg.norm((features - self.origin) @ self.rest, axis=1)
        return found


def checked_dims(dims: int | None) -> int | None:
    """Return the number of principal directions that an option asks for.

    Raises:
        ValueError: If it is below 1.
    """
    if dims is not None and dims < 1:
        raise ValueError(f"dims must be at least 1, got {dims}")
    return dims


def subspace(known: Columns, dims: int | None) -> Subspace:
    """Return the origin -pinv(W) b, and all but the D principal directions about it.

    Args:
        known: Columns of the images to fit on: the features and logits of a classifier.
        dims: D; by default 1000 from 2048 features on, 512 from 768 on, else half of them.

    Raises:
        ValueError: If the logits are no affine function of the features, or nothing is left
            beside the principal directions.
    """
    features, layer = features_of(known), last_layer(known)
    count = features.shape[1]
    kept = _default_dims(count) if dims is None else dims
    if kept >= count:
        raise ValueError(f"dims must be below the {count} features, got {kept}")
    origin: Matrix = -np.linalg.pinv(layer.weight) @ layer.bias
    way = features - origin
    _, directions = np.linalg.eigh(way.T @ way / len(way))  # the smallest variance first
    found = Subspace(origin, directions[:, : count - kept])
    usual = float(found.residual(features).mean())
    if usual <= _NOTHING * float(np.linalg.norm(way, axis=1).mean()):
        raise ValueError(
            f"features lie within {kept} dimensions; dims must be fewer than they span"
        )
    return found


def _default_dims(features: int) -> int:
    if features >= 2048:
        return 1000
    return 512 if features >= 768 else features // 2
