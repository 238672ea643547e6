"""The local intrinsic dimension of a VAE: in how many directions its decoder's images vary."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ood_bench.capabilities import Reconstructs, named
from ood_bench.detectors import Columns
from ood_bench.float64 import in_float64
from ood_bench.statistics import Statistic
from ood_bench.statistics.batches import frozen, in_batches
from ood_bench.statistics.flow_dimension import IMAGES_AT_ONCE, THRESHOLD
from ood_bench.statistics.jacobian import jacobian_times


class DecoderDimension(Statistic):
    """Σ σ² / (σ² + τ²) over the singular values σ of the Jacobian from latents to image, at q(z|x).

    The map takes latents to the mean of P(x|z); the Jacobian is taken at the mean of the posterior.
    A value σ is in pixels on [0, 1] for one unit of a latent; τ is one gray level, 1/256. The sum
    counts the values above τ, with a smooth step, and is between 0 and the number of latents L. It
    is exact, by L products with the Jacobian. The paper has flows and diffusion models alone.

    Reference:
        Kamkari et al., A Geometric Explanation of the Likelihood OOD Detection Paradox, ICML 2024,
        arXiv:2403.18910.
    """

    columns = ("intrinsic_dimension",)
    requires = Reconstructs

    def compute(self, images: NDArray[np.uint8], model: object) -> Columns:
        """Return `intrinsic_dimension` of each image."""
        vae: Reconstructs = named(model, Reconstructs)

        def dimension(x: Tensor) -> dict[str, Tensor]:
            with torch.no_grad():
                z, _ = vae.posterior(x)
            directions = torch.eye(z.shape[1], dtype=z.dtype, device=z.device)
            rows = [
                in_float64(jacobian_times(vae.reconstruct, z, one.expand_as(z))).flatten(1)
                for one in directions
            ]
            squares = torch.linalg.svdvals(torch.stack(rows, dim=1)).square()
            return {"intrinsic_dimension": (squares / (squares + THRESHOLD**2)).sum(dim=1)}

        with frozen(model):
            return in_batches(images, model, dimension, gradients=True, at_most=IMAGES_AT_ONCE)
