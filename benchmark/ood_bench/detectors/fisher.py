"""Fisher's method: an image is odd when several tests together say so."""

import numpy as np

from ood_bench.detectors import Columns, Detector, Scorer, Scores
from ood_bench.detectors.matrix import checked, matrix, scale


class Fisher(Detector):
    r"""-2 Σ_k ln p_k(x), p_k the two-sided p-value of a statistic among held-out images.

    p = min(1, 2 min(r_≤ + 1, r_≥ + 1) / (n + 1)), where r_≤ of the n held-out images have at
    most the image's value and r_≥ at least. Beyond all held-out values p is 2 / (n + 1), so
    that images beyond them in every statistic tie. Under independent statistics the score of
    an in-distribution image is about χ² with 2K degrees of freedom.

    The default combines the typicality test of log p with a test of the size of the gradient,
    for which the paper takes Rao's score statistic. A family is one test: its statistic is the
    mean over the family of (t - mean) / std with held-out moments, so that many layers do not
    drown the likelihood.

    Args:
        statistics: Columns, or families (`gradient_norm.*`).

    Reference:
        Bergamin et al., Model-agnostic out-of-distribution detection using combined
        statistical tests, AISTATS 2022, arXiv:2203.01097;
        Fisher, Statistical Methods for Research Workers, 1925.
    """

    def __init__(self, *, statistics: tuple[str, ...] = ("log_prob", "gradient_norm.*")) -> None:
        self.needs = checked(statistics)

    def fit(self, held_out: Columns) -> Scorer:
        """Return x ↦ -2 Σ_k ln p_k(x)."""
        tests = [_test(held_out, statistic) for statistic in self.needs]

        def score(images: Columns) -> Scores:
            found: Scores = -2 * np.sum([test(images) for test in tests], axis=0)
            return found

        return score


def _test(held_out: Columns, statistic: str) -> Scorer:
    """Return x ↦ ln of the two-sided p-value of one statistic."""
    if statistic.endswith(".*"):
        standard = scale(matrix(held_out, statistic), (statistic,))

        def values(columns: Columns) -> Scores:
            means: Scores = standard(matrix(columns, statistic)).mean(axis=1)
            return means
    else:

        def values(columns: Columns) -> Scores:
            return columns[statistic]

    ordered = np.sort(values(held_out))
    n = len(ordered)

    def log_p(images: Columns) -> Scores:
        x = values(images)
        at_most = np.searchsorted(ordered, x, side="right")
        at_least = n - np.searchsorted(ordered, x, side="left")
        p = np.minimum(2 * (np.minimum(at_most, at_least) + 1) / (n + 1), 1.0)
        found: Scores = np.where(np.isnan(x), np.nan, np.log(p))
        return found

    return log_p
