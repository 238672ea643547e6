"""MSMA: an image is odd when few others have its score norms at several noise levels."""

from ood_bench.detectors import Columns, Detector, Scorer
from ood_bench.detectors.mixture import checked_components, fit_mixture


class Msma(Detector):
    """-log q of the norms of the score at ten noise levels, in nats.

    q is a mixture of Gaussians over held-out images. The paper fits it to training images, as it
    does its other two choices, a flow and the distance to neighbours.

    Args:
        components: Gaussians in the mixture; fewer where there are under 20 images for each.

    Reference:
        Mahmood et al., Multiscale Score Matching for Out-of-Distribution Detection, ICLR 2021,
        arXiv:2010.13132.
    """

    needs = ("score_norm.*",)

    def __init__(self, *, components: int = 10) -> None:
        self.components = checked_components(components)

    def fit(self, held_out: Columns) -> Scorer:
        """Return x ↦ -log q(score norms).

        Raises:
            ValueError: If values are missing, or no norm varies.
        """
        return fit_mixture(held_out, self.needs, self.components)
