"""Energy: an image is odd when the classifier has little evidence for all classes together."""

from scipy.special import logsumexp

from ood_bench.detectors import Columns, Detector, Scorer, Scores, family


class Energy(Detector):
    """E(x) = -T log Σ_k exp(logits_k(x) / T), in nats.

    Args:
        temperature: T.

    Reference:
        Liu et al., Energy-based Out-of-distribution Detection, NeurIPS 2020, arXiv:2010.03759.
    """

    needs = ("classifier.logits.*",)

    def __init__(self, *, temperature: float = 1.0) -> None:
        if not temperature > 0:
            raise ValueError(f"temperature must be positive, got {temperature}")
        self.temperature = temperature

    def fit(self, held_out: Columns) -> Scorer:  # noqa: ARG002
        """Return x ↦ E(x); nothing is fitted."""

        def score(images: Columns) -> Scores:
            logits = family(images, "classifier.logits") / self.temperature
            found: Scores = -self.temperature * logsumexp(logits, axis=1)
            return found

        return score
