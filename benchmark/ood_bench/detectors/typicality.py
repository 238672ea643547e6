"""Typicality: an image is odd when its likelihood is far from the usual one."""

import numpy as np

from ood_bench.detectors import Columns, Detector, Scorer, Scores


class Typicality(Detector):
    """Distance of log p(x) from its mean over in-distribution images, in nats.

    The test of typicality for a single image: both unusually low and unusually high
    likelihoods count as out of distribution.

    Reference:
        Nalisnick et al., Detecting Out-of-Distribution Inputs to Deep Generative Models Using
        Typicality, 2019, arXiv:1906.02994.
    """

    needs = ("log_prob",)

    def fit(self, held_out: Columns) -> Scorer:
        """Return x ↦ |log p(x) - mean over the held-out images|."""
        mean = float(held_out["log_prob"].mean())

        def score(images: Columns) -> Scores:
            return np.abs(images["log_prob"] - mean)

        return score
