"""WAIC: an image is odd when models find it unlikely or disagree about it."""

import numpy as np

from ood_bench.detectors import Columns, Detector, Scorer, Scores, members


class Waic(Detector):
    """-(E_θ[log p_θ(x)] - Var_θ[log p_θ(x)]), over the members θ of an ensemble, in nats.

    Both moments are over the members as they are: the variance is that of a population
    (ddof = 0), in nats², added to nats as in the paper.

    Reference:
        Choi et al., WAIC, but Why? Generative Ensembles for Robust Anomaly Detection, 2018,
        arXiv:1810.01392.
    """

    needs = ("member.*.log_prob",)

    def fit(self, held_out: Columns) -> Scorer:
        """Return x ↦ -(mean - variance of log p(x) over the members); nothing is fitted.

        Raises:
            ValueError: If the ensemble has one member, whose variance is always 0.
        """
        count = len(members(held_out, "log_prob"))
        if count < 2:
            raise ValueError(f"WAIC needs an ensemble of at least 2 members, got {count}")

        def score(images: Columns) -> Scores:
            log_probs = np.stack(members(images, "log_prob"))
            found: Scores = log_probs.var(axis=0) - log_probs.mean(axis=0)
            return found

        return score
