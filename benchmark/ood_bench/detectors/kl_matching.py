"""KL matching: an image is odd when its class probabilities are those of no class."""

import numpy as np
from scipy.special import log_softmax, logsumexp

from ood_bench.detectors import Columns, Detector, FitOn, Scorer, Scores
from ood_bench.detectors.last_layer import logits_of


class KlMatching(Detector):
    """min_c KL(p(x) ‖ d_c), p = softmax(logits), in nats.

    d_c is the mean of p over the known images for which the classifier decides for class c. A
    class that it decides for on none has no d_c. Labels are not used.

    Args:
        fit_on: The known images: those held out, as in the paper, or those that the classifier
            was trained on.

    Reference:
        Hendrycks et al., Scaling Out-of-Distribution Detection for Real-World Settings,
        ICML 2022, arXiv:1911.11132.
    """

    needs = ("classifier.logits.*",)

    def __init__(self, *, fit_on: FitOn = "held_out") -> None:
        self.fit_on = fit_on

    def fit(self, known: Columns) -> Scorer:
        """Return x ↦ the divergence from the nearest template."""
        log_p = log_softmax(logits_of(known), axis=1)
        decided = log_p.argmax(axis=1)
        templates = np.stack(
            [
                logsumexp(log_p[decided == c], axis=0) - np.log((decided == c).sum())
                for c in np.unique(decided)
            ]
        )

        def score(images: Columns) -> Scores:
            log_p = log_softmax(logits_of(images), axis=1)
            p = np.exp(log_p)
            found: Scores = (p * log_p).sum(axis=1) - (p @ templates.T).max(axis=1)
            return found

        return score
