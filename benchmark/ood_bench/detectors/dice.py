"""DICE: the energy of a classifier whose less important weights are removed."""

import numpy as np

from ood_bench.detectors import Columns, Detector, FitOn, Scorer, Scores
from ood_bench.detectors.last_layer import LastLayer, features_of, last_layer
from ood_bench.detectors.shaping import checked_pruned


class Dice(Detector):
    """-log Σ_k exp(logits_k), logits = (W ⊙ M) f(x) + b, in nats.

    M keeps the weights whose contribution W_ki · mean of f_i over known images is above a
    quantile of all of them. W and b come from known features and logits by least squares, as in
    `vim`.

    Args:
        pruned: The share of weights that becomes 0; the paper's is 0.9 for CIFAR and 0.7 for
            ImageNet.
        fit_on: The known images: those that the classifier was trained on, as in the paper, or
            those held out.

    Reference:
        Sun & Li, DICE: Leveraging Sparsification for Out-of-Distribution Detection, ECCV 2022,
        arXiv:2111.09805.
    """

    needs = ("classifier.features.*",)
    fits_on = ("classifier.logits.*",)
    reads_last_layer = True

    def __init__(self, *, pruned: float = 0.9, fit_on: FitOn = "train") -> None:
        self.pruned = checked_pruned(pruned)
        self.fit_on = fit_on

    def fit(self, known: Columns) -> Scorer:
        """Return x ↦ the energy by the weights that are left.

        Raises:
            ValueError: If the logits are no affine function of the features.
        """
        layer = last_layer(known)
        part = layer.weight * features_of(known).mean(axis=0)
        weight = np.where(part > np.quantile(part, self.pruned), layer.weight, 0.0)
        sparse = LastLayer(weight, layer.bias)

        def score(images: Columns) -> Scores:
            return sparse.energy(features_of(images))

        return score
