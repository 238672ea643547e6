"""Maximum logit: an image is odd when the classifier has evidence for no class."""

from ood_bench.detectors import Columns, Detector, Scorer, Scores, family


class MaxLogit(Detector):
    """-max_k logits_k(x), in nats.

    Reference:
        Hendrycks et al., Scaling Out-of-Distribution Detection for Real-World Settings,
        ICML 2022, arXiv:1911.11132.
    """

    needs = ("classifier.logits.*",)

    def fit(self, held_out: Columns) -> Scorer:  # noqa: ARG002
        """Return x ↦ -max of the logits; nothing is fitted."""

        def score(images: Columns) -> Scores:
            found: Scores = -family(images, "classifier.logits").max(axis=1)
            return found

        return score
