"""ReAct: the energy of a classifier whose largest features are clipped."""

import numpy as np

from ood_bench.detectors import Columns, Detector, FitOn, Scorer, Scores
from ood_bench.detectors.last_layer import features_of, last_layer


class React(Detector):
    """-log Σ_k exp(logits_k), logits = W min(f(x), c) + b, in nats.

    c is a quantile of all features of all known images. W and b come from known features and
    logits by least squares, as in `vim`.

    Args:
        quantile: The quantile, above 0 and at most 1; the paper's is 0.9.
        fit_on: The known images: those that the classifier was trained on, as in the paper, or
            those held out.

    Reference:
        Sun et al., ReAct: Out-of-distribution Detection With Rectified Activations,
        NeurIPS 2021, arXiv:2111.12797.
    """

    needs = ("classifier.features.*",)
    fits_on = ("classifier.logits.*",)
    reads_last_layer = True

    def __init__(self, *, quantile: float = 0.9, fit_on: FitOn = "train") -> None:
        if not 0 < quantile <= 1:
            raise ValueError(f"quantile must be above 0 and at most 1, got {quantile}")
        self.quantile = quantile
        self.fit_on = fit_on

    def fit(self, known: Columns) -> Scorer:
        """Return x ↦ the energy of the clipped features.

        Raises:
            ValueError: If the logits are no affine function of the features.
        """
        layer, highest = last_layer(known), np.quantile(features_of(known), self.quantile)

        def score(images: Columns) -> Scores:
            return layer.energy(np.minimum(features_of(images), highest))

        return score
