"""NCI: an image is odd when its features do not point where its class has its weights."""

import numpy as np

from ood_bench.detectors import Columns, Detector, FitOn, Scorer, Scores
from ood_bench.detectors.last_layer import features_of, last_layer, logits_of

_TINY = 1e-12


class Nci(Detector):
    """-⟨f(x) - μ, w_ŷ⟩ / |f(x) - μ| - α Σ_i |f_i(x)|, in nats per unit of the features f.

    ŷ is the likeliest class, w_c the weights of class c in the last layer, and μ the mean of f
    over known images. The weights come from known features and logits by least squares, as in
    `vim`.

    Args:
        alpha: α. The paper chooses it on OOD images (0.0001 to 0.1 in OpenOOD); with its
            default of 0, no OOD image is used.
        fit_on: The known images: those that the classifier was trained on, as in the paper, or
            those held out.

    Reference:
        Liu & Qin, Detecting Out-of-Distribution Through the Lens of Neural Collapse, CVPR 2025,
        arXiv:2311.01479.
    """

    needs = ("classifier.features.*", "classifier.logits.*")
    reads_last_layer = True

    def __init__(self, *, alpha: float = 0.0, fit_on: FitOn = "train") -> None:
        if not alpha >= 0:
            raise ValueError(f"alpha must be at least 0, got {alpha}")
        self.alpha = alpha
        self.fit_on = fit_on

    def fit(self, known: Columns) -> Scorer:
        """Return x ↦ minus alignment and size.

        Raises:
            ValueError: If the logits are no affine function of the features.
        """
        weight, mean = last_layer(known).weight, features_of(known).mean(axis=0)

        def score(images: Columns) -> Scores:
            features, logits = features_of(images), logits_of(images)
            way = features - mean
            along = np.einsum("ij,ij->i", way, weight[logits.argmax(axis=1)])
            along /= np.maximum(np.linalg.norm(way, axis=1), _TINY)
            found: Scores = -along - self.alpha * np.abs(features).sum(axis=1)
            return np.where(np.isnan(logits).any(axis=1), np.nan, found)

        return score
