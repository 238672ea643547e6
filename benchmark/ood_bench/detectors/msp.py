"""Maximum softmax probability: an image is odd when no class is likely."""

import numpy as np
from scipy.special import logsumexp

from ood_bench.detectors import Columns, Detector, Scorer, Scores, family


class Msp(Detector):
    """log((1 - p) / p), p = max_k softmax_k(logits), in nats.

    A monotone transform of -p, the score of the paper, so every AUROC is that of -p. It is
    computed from the logits, as logsumexp of all but the largest minus the largest: where the
    softmax saturates, at p = 1 in float64 from a gap of about 37 on, images do not tie.

    Reference:
        Hendrycks & Gimpel, A Baseline for Detecting Misclassified and Out-of-Distribution
        Examples in Neural Networks, ICLR 2017, arXiv:1610.02136.
    """

    needs = ("classifier.logits.*",)

    def fit(self, held_out: Columns) -> Scorer:
        """Return x ↦ the log odds against the most likely class; nothing is fitted.

        Raises:
            ValueError: If there is one class only.
        """
        classes = family(held_out, "classifier.logits").shape[1]
        if classes < 2:
            raise ValueError(f"a softmax probability needs at least 2 classes, got {classes}")

        def score(images: Columns) -> Scores:
            logits = np.sort(family(images, "classifier.logits"), axis=1)
            found: Scores = logsumexp(logits[:, :-1], axis=1) - logits[:, -1]
            return found

        return score
