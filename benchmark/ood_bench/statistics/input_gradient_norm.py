"""Norm of the gradient of a log-density in the image."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ood_bench.capabilities import Differentiable, named
from ood_bench.detectors import Columns
from ood_bench.float64 import in_float64
from ood_bench.statistics import Statistic
from ood_bench.statistics.batches import float_like, frozen, in_batches


class InputGradientNorm(Statistic):
    """Euclidean norm of the gradient of log p(y) in the image, y on [0, 1], nats.

    Taken at the middle of each pixel's bin, y = (x + 1/2) / 256, which needs no noise.

    Reference:
        Chali et al., Improving Normalizing Flows with the Approximate Mass for
        Out-of-Distribution Detection, CVPR workshops 2023.
    """

    columns = ("input_gradient_norm",)
    requires = Differentiable

    def compute(self, images: NDArray[np.uint8], model: object) -> Columns:
        """Return `input_gradient_norm` of each image."""
        density: Differentiable = named(model, Differentiable)

        def norm(x: Tensor) -> dict[str, Tensor]:
            y = ((float_like(model, x) + 0.5) / 256.0).requires_grad_()
            (gradient,) = torch.autograd.grad(density.log_density(y).sum(), y)
            return {"input_gradient_norm": in_float64(gradient.flatten(1)).norm(dim=1)}

        with frozen(model):
            return in_batches(images, model, norm, gradients=True)
