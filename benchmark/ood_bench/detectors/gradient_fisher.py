"""Gradient norms: an image is odd when it would change the model unusually much, or little."""

import numpy as np

from ood_bench.detectors import Columns, Detector, Scorer, Scores, family
from ood_bench.detectors.matrix import Matrix, scale

_TINY = float(np.finfo(np.float64).tiny)


class GradientFisher(Detector):
    """-Σ_l log N(log g_l(x); μ_l, σ_l²), in nats, g_l = |∇_{θ_l} log p(x)|² of layer l.

    An approximation of the size of a gradient under the Fisher information that needs no
    Fisher matrix: over in-distribution images the squared norm of each layer is about
    log-normal, and layers are taken as independent. μ_l and σ_l are the mean and standard
    deviation over held-out images; a layer that does not vary over them is left out. A squared
    norm of 0 counts as the smallest normal float64, 2.2e-308.

    Reference:
        Dauncey et al., Approximations to the Fisher Information Metric of Deep Generative
        Models for Out-Of-Distribution Detection, TMLR 2024, arXiv:2403.01485;
        Bergamin et al., Model-agnostic out-of-distribution detection using combined
        statistical tests, AISTATS 2022, arXiv:2203.01097.
    """

    needs = ("gradient_norm.*",)

    def fit(self, held_out: Columns) -> Scorer:
        """Return x ↦ minus the Gaussian log-density of the log squared norms of its gradients.

        Raises:
            ValueError: If no layer varies over the held-out images.
        """
        layers = scale(_log_norms(held_out), self.needs)
        constant = float(np.log(layers.std * np.sqrt(2 * np.pi)).sum())

        def score(images: Columns) -> Scores:
            found: Scores = 0.5 * np.square(layers(_log_norms(images))).sum(axis=1) + constant
            return found

        return score


def _log_norms(columns: Columns) -> Matrix:
    logs: Matrix = np.log(np.maximum(family(columns, "gradient_norm"), _TINY))
    return logs
