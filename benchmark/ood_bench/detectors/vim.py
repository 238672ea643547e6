"""Virtual-logit matching: an image is odd when its features leave the space of the usual ones."""

import numpy as np
from scipy.special import logsumexp

from ood_bench.detectors import Columns, Detector, FitOn, Scorer, Scores, family
from ood_bench.detectors.matrix import Matrix

_AFFINE = 1e-3  # of the logits' spread; what float32 rounding leaves is far below
_NOTHING = 1e-6  # of the features' size; a residual below it is rounding


class Vim(Detector):
    """α |(f(x) - o) R| - logsumexp(logits(x)), in nats.

    The origin o = -pinv(W) b is the point at which the affine logits W f + b are nearest to
    zero, and R holds the directions in which known features vary least, all but the D
    principal ones about o. α makes the mean of the residual over known images that of their
    largest logit. W and b come from known features and logits by least squares: exactly, if
    there are more images than features and the features have full rank. A feature that does not
    vary over known images has weight 0.

    Args:
        dims: D; by default 1000 from 2048 features on, 512 from 768 on, else half of them.
        fit_on: The known images: those that the classifier was trained on, as in the paper, or
            those held out.

    Reference:
        Wang et al., ViM: Out-Of-Distribution with Virtual-logit Matching, CVPR 2022,
        arXiv:2203.10807.
    """

    needs = ("classifier.features.*", "classifier.logits.*")

    def __init__(self, *, dims: int | None = None, fit_on: FitOn = "train") -> None:
        if dims is not None and dims < 1:
            raise ValueError(f"dims must be at least 1, got {dims}")
        self.dims = dims
        self.fit_on = fit_on

    def fit(self, known: Columns) -> Scorer:
        """Return x ↦ scaled residual minus the logsumexp of the logits.

        Raises:
            ValueError: If the logits are no affine function of the features, or nothing is
                left beside the principal directions.
        """
        features = family(known, "classifier.features")
        logits = family(known, "classifier.logits")
        dims = _default_dims(features.shape[1]) if self.dims is None else self.dims
        if dims >= features.shape[1]:
            raise ValueError(f"dims must be below the {features.shape[1]} features, got {dims}")
        origin = _origin(features, logits)
        way = features - origin
        _, directions = np.linalg.eigh(way.T @ way / len(way))  # the smallest variance first
        rest = directions[:, : features.shape[1] - dims]
        usual = float(np.linalg.norm(way @ rest, axis=1).mean())
        if usual <= _NOTHING * float(np.linalg.norm(way, axis=1).mean()):
            raise ValueError(
                f"features lie within {dims} dimensions; dims must be fewer than they span"
            )
        alpha = float(logits.max(axis=1).mean()) / usual

        def score(images: Columns) -> Scores:
            away = (family(images, "classifier.features") - origin) @ rest
            virtual: Scores = alpha * np.linalg.norm(away, axis=1)
            found: Scores = virtual - logsumexp(family(images, "classifier.logits"), axis=1)
            return found

        return score


def _default_dims(features: int) -> int:
    if features >= 2048:
        return 1000
    return 512 if features >= 768 else features // 2


def _origin(features: Matrix, logits: Matrix) -> Matrix:
    """Return -pinv(W) b of logits = W f + b."""
    middle, level = features.mean(axis=0), logits.mean(axis=0)
    weight = np.linalg.lstsq(features - middle, logits - level)[0].T  # (K, F)
    bias = level - weight @ middle
    error = np.abs(features @ weight.T + bias - logits).max()
    if error > _AFFINE * (logits - level).std():
        raise ValueError(
            f"the logits are no affine function of the features: they differ by up to {error:.3g}"
        )
    origin: Matrix = -np.linalg.pinv(weight) @ bias
    return origin
