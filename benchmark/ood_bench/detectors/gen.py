"""GEN: an image is odd when many classes have a probability that is neither 0 nor 1."""

import numpy as np
from scipy.special import logsumexp

from ood_bench.detectors import Columns, Detector, Scorer, Scores
from ood_bench.detectors.last_layer import logits_of


class Gen(Detector):
    """Σ p_k^γ (1 - p_k)^γ over the M likeliest classes, p = softmax(logits), without unit.

    Args:
        gamma: γ, above 0 and below 1.
        classes: M; all, if there are fewer.

    Reference:
        Liu et al., GEN: Pushing the Limits of Softmax-Based Out-of-Distribution Detection,
        CVPR 2023, doi:10.1109/CVPR52729.2023.02293. Defaults are the paper's.
    """

    needs = ("classifier.logits.*",)

    def __init__(self, *, gamma: float = 0.1, classes: int = 100) -> None:
        if not 0 < gamma < 1:
            raise ValueError(f"gamma must be above 0 and below 1, got {gamma}")
        if classes < 1:
            raise ValueError(f"classes must be at least 1, got {classes}")
        self.gamma = gamma
        self.classes = classes

    def fit(self, held_out: Columns) -> Scorer:
        """Return x ↦ the generalised entropy; nothing is fitted.

        Raises:
            ValueError: If there is one class only.
        """
        classes = logits_of(held_out).shape[1]
        if classes < 2:
            raise ValueError(f"a softmax probability needs at least 2 classes, got {classes}")

        def score(images: Columns) -> Scores:
            logits = np.sort(logits_of(images), axis=1)[:, ::-1]
            total = logsumexp(logits, axis=1)
            log_p = logits - total[:, None]
            rest = np.empty_like(log_p)  # log(1 - p), exact where p is next to 1
            rest[:, 0] = logsumexp(logits[:, 1:], axis=1) - total
            rest[:, 1:] = np.log1p(-np.exp(log_p[:, 1:]))
            terms = np.exp(self.gamma * (log_p + rest))
            found: Scores = terms[:, : self.classes].sum(axis=1)
            return found

        return score
