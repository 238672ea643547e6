"""Entropy: an image is odd when the classifier's probabilities are spread over classes."""

import numpy as np
from scipy.special import log_softmax

from ood_bench.detectors import Columns, Detector, Scorer, Scores
from ood_bench.detectors.last_layer import logits_of


class Entropy(Detector):
    """-Σ_k p_k log p_k, p = softmax(logits), in nats.

    Reference:
        Chan et al., Entropy Maximization and Meta Classification for Out-of-Distribution
        Detection in Semantic Segmentation, ICCV 2021, arXiv:2012.06575. There an image's pixels
        are scored, and the entropy is divided by that of the uniform distribution.
    """

    needs = ("classifier.logits.*",)

    def fit(self, held_out: Columns) -> Scorer:  # noqa: ARG002
        """Return x ↦ the entropy; nothing is fitted."""

        def score(images: Columns) -> Scores:
            log_p = log_softmax(logits_of(images), axis=1)
            found: Scores = -(np.exp(log_p) * log_p).sum(axis=1)
            return found

        return score
