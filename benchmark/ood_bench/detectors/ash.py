"""ASH: the energy of a classifier whose smallest features are removed and the rest sharpened."""

from typing import Literal

import numpy as np

from ood_bench.detectors import Columns, Detector, FitOn, Scorer, Scores
from ood_bench.detectors.last_layer import features_of, last_layer
from ood_bench.detectors.matrix import Matrix
from ood_bench.detectors.shaping import checked_pruned, growth, kept


class Ash(Detector):
    """-log Σ_k exp(logits_k), logits = W g + b, g the shaped features, in nats.

    Of each image's features f, those after a ReLU, a share of the smallest becomes 0. Variant `s`
    multiplies the others by exp(Σ f / Σ of those left), `b` gives each of them an equal part of
    Σ f, and `p` leaves them as they are. W and b come from known features and logits by least
    squares, as in `vim`; nothing else is fitted.

    Args:
        variant: `s`, `b` or `p`.
        pruned: The share of features that becomes 0; the paper's is 0.9 for CIFAR-100 and
            ImageNet, 0.95 for CIFAR-10, chosen on validation images.
        fit_on: The known images: those that the classifier was trained on, or those held out.

    Reference:
        Djurisic et al., Extremely Simple Activation Shaping for Out-of-Distribution Detection,
        ICLR 2023, arXiv:2209.09858.
    """

    needs = ("classifier.features.*",)
    fits_on = ("classifier.logits.*",)
    reads_last_layer = True

    def __init__(
        self,
        *,
        variant: Literal["s", "b", "p"] = "s",
        pruned: float = 0.9,
        fit_on: FitOn = "train",
    ) -> None:
        self.variant = variant
        self.pruned = checked_pruned(pruned)
        self.fit_on = fit_on

    def fit(self, known: Columns) -> Scorer:
        """Return x ↦ the energy of the shaped features.

        Raises:
            ValueError: If the logits are no affine function of the features.
        """
        layer = last_layer(known)

        def score(images: Columns) -> Scores:
            return layer.energy(self._shaped(features_of(images)))

        return score

    def _shaped(self, features: Matrix) -> Matrix:
        left = kept(features, self.pruned)
        if self.variant == "b":
            equal = features.sum(axis=1) / left.sum(axis=1)
            return np.where(left, equal[:, None], 0.0)
        pruned: Matrix = np.where(left, features, 0.0)
        if self.variant == "p":
            return pruned
        sharpened: Matrix = pruned * np.exp(growth(features, left))[:, None]
        return sharpened
