"""LID: an image is odd when few others have its likelihood and its intrinsic dimension."""

from ood_bench.detectors import Columns, Detector, Scorer
from ood_bench.detectors.mixture import checked_components, fit_mixture


class Lid(Detector):
    """-log q of log p(x) and the local intrinsic dimension, in nats.

    An image whose likelihood is high but which can vary in few directions fills little of the
    space, and has little probability around it. The paper calls an image OOD by two thresholds, if
    its likelihood is low, or its dimension; here q is a mixture of Gaussians of both over held-out
    images, which makes it one score and also takes high values for odd.

    The dimension of a model that removes noise is FLIPD, from its score; that of a flow or a VAE is
    from the singular values of the Jacobian of the map from noise, or from latents, to images.

    Args:
        components: Gaussians in the mixture; fewer where there are under 20 images for each.

    Reference:
        Kamkari et al., A Geometric Explanation of the Likelihood OOD Detection Paradox, ICML 2024,
        arXiv:2403.18910.
    """

    needs = ("log_prob", "intrinsic_dimension")

    def __init__(self, *, components: int = 10) -> None:
        self.components = checked_components(components)

    def fit(self, held_out: Columns) -> Scorer:
        """Return x ↦ -log q(log p(x), dimension).

        Raises:
            ValueError: If values are missing, or neither varies.
        """
        return fit_mixture(held_out, self.needs, self.components)
