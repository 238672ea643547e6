"""Likelihood: an image is odd when the model finds it unlikely."""

from ood_bench.detectors import Columns, Detector, Scorer, Scores


class Likelihood(Detector):
    """-log p(x), in nats.

    Reference:
        Bishop, Novelty detection and neural network validation, 1994,
        doi:10.1049/ip-vis:19941330.
    """

    needs = ("log_prob",)

    def fit(self, held_out: Columns) -> Scorer:  # noqa: ARG002
        """Return x ↦ -log p(x); nothing is fitted."""

        def score(images: Columns) -> Scores:
            return -images["log_prob"]

        return score
