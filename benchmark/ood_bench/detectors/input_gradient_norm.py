"""Approximate mass: an image is odd when the density is steep where it lies."""

from ood_bench.detectors import Columns, Detector, Scorer, Scores


class InputGradientNorm(Detector):
    """|∇_x log p(x)|₂, minus the approximate mass.

    An image of the typical set has neighbours about as likely as itself; where the density is
    a thin peak, high as it may be, there is little mass and the gradient is large. The column
    is the score.

    Reference:
        Grathwohl et al., Your classifier is secretly an energy based model and you should
        treat it like one, ICLR 2020, arXiv:1912.03263;
        Chali et al., Improving Normalizing Flows with the Approximate Mass for
        Out-of-Distribution Detection, CVPR Workshops 2023.
    """

    needs = ("input_gradient_norm",)

    def fit(self, held_out: Columns) -> Scorer:  # noqa: ARG002
        """Return x ↦ |∇_x log p(x)|; nothing is fitted."""

        def score(images: Columns) -> Scores:
            return images["input_gradient_norm"].copy()

        return score
