"""Background likelihood ratio: an image is odd when only its background is likely."""

from ood_bench.detectors import Columns, Detector, Scorer, Scores


class BackgroundRatio(Detector):
    """-(log p(x) - log p_bg(x)), in nats, p_bg a model of mutated images.

    Mutations destroy what an image shows and keep its population statistics, so that the
    background model accounts for these alone and the ratio for the rest.

    Reference:
        Ren et al., Likelihood Ratios for Out-of-Distribution Detection, NeurIPS 2019,
        arXiv:1906.02845.
    """

    needs = ("log_prob", "background.log_prob")

    def fit(self, held_out: Columns) -> Scorer:  # noqa: ARG002
        """Return x ↦ -(log p(x) - log p_bg(x)); nothing is fitted."""

        def score(images: Columns) -> Scores:
            return images["background.log_prob"] - images["log_prob"]

        return score
