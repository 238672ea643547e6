"""Typicality: an image is odd when its likelihood is far from the usual one."""

import numpy as np

from ood_bench.detectors import Columns, Detector, Scorer, Scores


class Typicality(Detector):
    """Distance of log p(x) from its mean over in-distribution images, in nats.

    The test of typicality: both unusually low and unusually high likelihoods count as out of
    distribution. With M = 1 it is of single images; with M > 1 of groups of M images,
    |mean of log p over the group - mean over held-out images|. Groups are consecutive runs of
    a permutation of the rows that depends on their number alone; what is left over is dropped.

    The paper takes the mean over the training images and a threshold from a bootstrap. Here the
    mean is over held-out images, which the model was not fitted to, and the score has no
    threshold; `ood-bench score` sets one for every detector in the same way.

    Args:
        group: M, images in a group; N // M scores come back.

    Reference:
        Nalisnick et al., Detecting Out-of-Distribution Inputs to Deep Generative Models Using
        Typicality, 2019, arXiv:1906.02994.
    """

    needs = ("log_prob",)

    def __init__(self, *, group: int = 1) -> None:
        if group < 1:
            raise ValueError(f"group must be at least 1 image, got {group}")
        self.group = group

    def fit(self, held_out: Columns) -> Scorer:
        """Return x ↦ |log p(x) - mean over the held-out images|, log p averaged over groups."""
        mean = float(held_out["log_prob"].mean())

        def score(images: Columns) -> Scores:
            log_prob = images["log_prob"]
            if self.group > 1:
                log_prob = _group_means(log_prob, self.group)
            return np.abs(log_prob - mean)

        return score


def _group_means(values: Scores, size: int) -> Scores:
    groups = len(values) // size
    if not groups:
        raise ValueError(f"typicality of groups of {size} images needs as many, got {len(values)}")
    rows = np.random.default_rng(0).permutation(len(values))[: groups * size]
    means: Scores = values[rows].reshape(groups, size).mean(axis=1)
    return means
