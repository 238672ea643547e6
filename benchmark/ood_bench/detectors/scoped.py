"""SCOPED: an image is odd when few others have its ratio of score and curvature."""

import numpy as np

from ood_bench.detectors import Columns, Detector, Scorer, Scores
from ood_bench.detectors.density import log_kde


class Scoped(Detector):
    """-log q(angle of ‖s‖² to -tr ∇s), s the score at one small noise level, in nats.

    q is a Gaussian kernel density estimate over held-out images with Scott's bandwidth. Over images
    with noise, ‖s‖² and -tr ∇s have one mean, the Fisher information, so that their ratio is near
    1. The paper takes the ratio, chooses among noise levels, and can take several; the angle,
    arctan of the ratio, is finite where the trace is 0.

    Reference:
        Barkley et al., SCOPED: Score-Curvature Out-of-distribution Proximity Evaluator for
        Diffusion, ICLR 2026, arXiv:2510.01456.
    """

    needs = ("score_square", "score_trace")

    def fit(self, held_out: Columns) -> Scorer:
        """Return x ↦ -log q(angle).

        Raises:
            ValueError: If all held-out images have one angle.
        """
        log_density = log_kde(_angle(held_out))

        def score(images: Columns) -> Scores:
            return -log_density(_angle(images))

        return score


def _angle(columns: Columns) -> Scores:
    return np.arctan2(columns["score_square"], -columns["score_trace"])
