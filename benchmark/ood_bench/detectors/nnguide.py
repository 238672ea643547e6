"""NNGuide: an image is odd when the classifier is unsure of it and of its nearest neighbours."""

import numpy as np
from scipy.special import logsumexp

from ood_bench.detectors import Columns, Detector, FitOn, Scorer, Scores
from ood_bench.detectors.last_layer import features_of, logits_of
from ood_bench.detectors.neighbours import block, checked_k, neighbours, unit


class NnGuide(Detector):
    """-E(x) · mean of the k largest E(z) ⟨f(x)/|f(x)|, f(z)/|f(z)|⟩ over known images z.

    E = logsumexp(logits), in nats, so the score is in squared nats.

    Args:
        k: Number of neighbours, at most that of known images; default: a thousandth of that
            number, rounded, at least 1. The paper's 10 for 1 % of ImageNet are 0.8 thousandths.
        fit_on: The known images: those that the classifier was trained on, as in the paper, or
            those held out.

    Reference:
        Park et al., Nearest Neighbor Guidance for Out-of-Distribution Detection, ICCV 2023,
        arXiv:2309.14888.
    """

    needs = ("classifier.features.*", "classifier.logits.*")

    def __init__(self, *, k: int | None = None, fit_on: FitOn = "train") -> None:
        self.k = checked_k(k)
        self.fit_on = fit_on

    def fit(self, known: Columns) -> Scorer:
        """Return x ↦ minus the guided energy.

        Raises:
            ValueError: If there are fewer than k known images.
        """
        bank = unit(features_of(known)) * logsumexp(logits_of(known), axis=1)[:, None]
        k, size = neighbours(self.k, len(bank)), block(len(bank))

        def score(images: Columns) -> Scores:
            features = unit(features_of(images))
            guidance = np.empty(len(features))
            for start in range(0, len(features), size):
                alike = features[start : start + size] @ bank.T
                largest = np.partition(alike, len(bank) - k, axis=1)[:, len(bank) - k :]
                guidance[start : start + size] = largest.mean(axis=1)
            found: Scores = -guidance * logsumexp(logits_of(images), axis=1)
            return found

        return score
