"""The local intrinsic dimension of a flow: in how many directions its images vary."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ood_bench.capabilities import EncodesToNoise, named
from ood_bench.detectors import Columns
from ood_bench.float64 import in_float64
from ood_bench.noise import normal_noise, uniform_noise
from ood_bench.statistics import Statistic
from ood_bench.statistics.batches import float_like, frozen, in_batches
from ood_bench.statistics.jacobian import jacobian_products
from ood_bench.statistics.resolvent import resolvent_form

THRESHOLD = 1 / 256
"""One gray level on images on [0, 1]: what varies less is lost in 8 bits."""
PROBES = 2
STEPS = 12
IMAGES_AT_ONCE = 64


class FlowDimension(Statistic):
    """Σ σ² / (σ² + τ²) over the singular values σ of the Jacobian from noise to image, at x.

    A value σ is the standard deviation on [0, 1] of the model's images around x along one
    direction, since the noise is standard normal; τ is one gray level, 1/256. The sum counts the
    values above τ, with a smooth step, and is between 0 and D. The paper counts with a sharp step,
    at a τ that gives ID images the mean dimension that local PCA finds; this τ needs no images. An
    earlier version of the paper has this sum, and a further term in the latents.

    The Jacobian is that of the map from image to noise, inverted, at the image with the noise of
    `log_prob`. It is never formed: the sum is estimated from two vectors of signs, a function of
    the image, by 12 steps of bidiagonalization. A step takes a product with the Jacobian and one
    with its transpose.

    Reference:
        Kamkari et al., A Geometric Explanation of the Likelihood OOD Detection Paradox, ICML 2024,
        arXiv:2403.18910.
    """

    columns = ("intrinsic_dimension",)
    requires = EncodesToNoise

    def compute(self, images: NDArray[np.uint8], model: object) -> Columns:
        """Return `intrinsic_dimension` of each image."""
        flow: EncodesToNoise = named(model, EncodesToNoise)

        def dimension(x: Tensor) -> dict[str, Tensor]:
            y = (float_like(model, x) + uniform_noise(x)) / 256.0
            product, transposed = jacobian_products(flow.to_noise, y)
            forms = [
                resolvent_form(
                    lambda v: THRESHOLD * product(v),
                    lambda u: THRESHOLD * transposed(u),
                    in_float64(normal_noise(x, y[0].numel(), probe).sign()),
                    steps=STEPS,
                )
                for probe in range(PROBES)
            ]
            return {"intrinsic_dimension": torch.stack(forms).mean(dim=0)}

        with frozen(model):
            return in_batches(images, model, dimension, gradients=True, at_most=IMAGES_AT_ONCE)
