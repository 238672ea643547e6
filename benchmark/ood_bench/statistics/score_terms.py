"""Square and divergence of the score at one small noise level, and the dimension they give."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ood_bench.capabilities import Denoises, named
from ood_bench.detectors import Columns
from ood_bench.float64 import in_float64
from ood_bench.noise import normal_noise
from ood_bench.statistics import Statistic
from ood_bench.statistics.batches import float_like, frozen, in_batches

LEVEL = 0.087
"""Noise on images on [0, 1]: that of t = 0.05 under the variance-preserving SDE, as in FLIPD."""
PROBES = 4


class ScoreTerms(Statistic):
    """σ²‖s‖² and σ² tr ∇s of the score s at noise σ = 0.087, and the dimension D + their sum.

    The score is that of the density of images with noise, at the image without noise. The trace is
    Hutchinson's estimate from four vectors of signs, a function of the image. The sum estimates the
    local intrinsic dimension: how many directions the image can vary in and stay likely. A model
    whose noise levels leave σ out is taken at the nearest one. One pass and four passes back.

    Reference:
        Kamkari et al., A Geometric View of Data Complexity: Efficient Local Intrinsic Dimension
        Estimation with Diffusion Models, NeurIPS 2024, arXiv:2406.03537.
    """

    columns = ("score_square", "score_trace", "intrinsic_dimension")
    requires = Denoises

    def compute(self, images: NDArray[np.uint8], model: object) -> Columns:
        """Return `score_square`, `score_trace` and `intrinsic_dimension` of each image."""
        denoiser: Denoises = named(model, Denoises)
        least, most = denoiser.noise_levels
        level = min(max(LEVEL, least), most)

        def terms(x: Tensor) -> dict[str, Tensor]:
            y = (float_like(model, x) / 255.0).requires_grad_()
            denoised = denoiser.denoise(y, y.new_full((len(y),), level))
            square = in_float64((denoised - y).detach()).flatten(1).square().sum(dim=1) / level**2
            trace = torch.zeros_like(square)
            for probe in range(PROBES):
                signs = normal_noise(x, y[0].numel(), probe).sign().view(y.shape).to(y.dtype)
                (gradient,) = torch.autograd.grad(
                    (denoised * signs).sum(), y, retain_graph=probe + 1 < PROBES
                )
                trace += in_float64(gradient * signs).flatten(1).sum(dim=1) / PROBES
            dims = y[0].numel()
            return {
                "score_square": square,
                "score_trace": trace - dims,
                "intrinsic_dimension": trace + square,
            }

        with frozen(model):
            return in_batches(images, model, terms, gradients=True)
