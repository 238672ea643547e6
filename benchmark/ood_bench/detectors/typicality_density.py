"""Density of typicality: an image is odd when few others have its likelihood."""

from ood_bench.detectors import Columns, Detector, Scorer, Scores
from ood_bench.detectors.density import log_kde


class TypicalityDensity(Detector):
    """-log q(log p(x)), in nats, q the density of log p over held-out images.

    q is a Gaussian kernel density estimate with Scott's bandwidth: DoSE with the likelihood as
    its only statistic. Unlike the distance from the mean it follows a skewed distribution.

    Reference:
        Morningstar et al., Density of States Estimation for Out-of-Distribution Detection,
        AISTATS 2021, arXiv:2006.09273.
    """

    needs = ("log_prob",)

    def fit(self, held_out: Columns) -> Scorer:
        """Return x ↦ -log q(log p(x)).

        Raises:
            ValueError: If all held-out images have one likelihood.
        """
        log_density = log_kde(held_out["log_prob"])

        def score(images: Columns) -> Scores:
            return -log_density(images["log_prob"])

        return score
