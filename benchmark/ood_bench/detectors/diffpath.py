"""DiffPath: an image is odd when few others have its path to noise."""

from typing import Literal

import numpy as np

from ood_bench.detectors import Columns, Detector, Scorer, Scores
from ood_bench.detectors.density import log_kde
from ood_bench.detectors.mixture import checked_components, fit_mixture

SUMS = tuple(f"diffusion_path.{of}_{power}" for of in ("noise", "change") for power in (1, 2, 3))
CHANGE = "diffusion_path.change_2"


class DiffPath(Detector):
    """-log q of sums along the deterministic path from image to noise, in nats.

    With six dimensions q is a mixture of Gaussians of the sums of ε, of its rate of change, and of
    their squares and cubes; with one, a kernel density estimate of the norm of the rate of change,
    with Scott's bandwidth. The paper fits both to training images, chooses 50 or 100 components
    by cross-validation, and takes a bandwidth of 5.

    Args:
        dimensions: 6 or 1.
        components: Gaussians in the mixture; fewer where there are under 20 images for each.

    Reference:
        Heng et al., Out-of-Distribution Detection with a Single Unconditional Diffusion Model,
        NeurIPS 2024, arXiv:2405.11881.
    """

    def __init__(self, *, dimensions: Literal[1, 6] = 6, components: int = 10) -> None:
        self.needs = SUMS if dimensions == 6 else (CHANGE,)
        self.dimensions = dimensions
        self.components = checked_components(components)

    def fit(self, held_out: Columns) -> Scorer:
        """Return x ↦ -log q(sums along its path).

        Raises:
            ValueError: If values are missing, or none varies.
        """
        if self.dimensions == 6:
            return fit_mixture(held_out, self.needs, self.components)
        log_density = log_kde(np.sqrt(held_out[CHANGE]))

        def score(images: Columns) -> Scores:
            return -log_density(np.sqrt(images[CHANGE]))

        return score
