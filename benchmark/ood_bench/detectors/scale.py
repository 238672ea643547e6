"""SCALE: the energy of a classifier whose features grow the more, the more equal they are."""

import numpy as np

from ood_bench.detectors import Columns, Detector, FitOn, Scorer, Scores
from ood_bench.detectors.last_layer import features_of, last_layer
from ood_bench.detectors.shaping import checked_pruned, growth, kept


class Scale(Detector):
    """-log Σ_k exp(logits_k), logits = W f exp(r) + b, in nats.

    r is the sum of an image's features f, those after a ReLU, over the sum of the largest of them,
    all but a share. W and b come from known features and logits by least squares, as in `vim`;
    nothing else is fitted.

    Args:
        pruned: The share of features that the second sum leaves out; the paper's is 0.85.
        fit_on: The known images: those that the classifier was trained on, or those held out.

    Reference:
        Xu et al., Scaling for Training Time and Post-hoc Out-of-distribution Detection
        Enhancement, ICLR 2024, arXiv:2310.00227.
    """

    needs = ("classifier.features.*",)
    fits_on = ("classifier.logits.*",)
    reads_last_layer = True

    def __init__(self, *, pruned: float = 0.85, fit_on: FitOn = "train") -> None:
        self.pruned = checked_pruned(pruned)
        self.fit_on = fit_on

    def fit(self, known: Columns) -> Scorer:
        """Return x ↦ the energy of the scaled features.

        Raises:
            ValueError: If the logits are no affine function of the features.
        """
        layer = last_layer(known)

        def score(images: Columns) -> Scores:
            features = features_of(images)
            larger = np.exp(growth(features, kept(features, self.pruned)))
            return layer.energy(features * larger[:, None])

        return score
