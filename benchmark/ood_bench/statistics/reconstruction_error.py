"""Error of reconstructions from several depths of noise."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ood_bench.capabilities import Denoises, named
from ood_bench.detectors import Columns
from ood_bench.float64 import in_float64
from ood_bench.noise import normal_noise
from ood_bench.statistics import Statistic
from ood_bench.statistics.batches import float_like, in_batches

STEPS = 10
"""Noise levels of a reconstruction from the greatest depth; every second one is a depth."""
LEAST = 0.1
"""The smallest noise level on images on [0, 1]."""


class ReconstructionError(Statistic):
    """Mean squared error of an image's reconstructions from five depths of noise.

    At each depth the image gets noise, a function of the image, and loses it again by DDIM, without
    further noise, over the noise levels below. The ten levels are evenly spaced in ln σ, from 0.1
    on images on [0, 1] to the model's largest; the depths are every second one. Reconstructions are
    clipped to [0, 1]. 2 + 4 + 6 + 8 + 10 = 30 passes.

    The paper reconstructs from up to 100 depths by a method of higher order, about 5,000 passes.

    Reference:
        Graham et al., Denoising Diffusion Models for Out-of-Distribution Detection, CVPR workshops
        2023, arXiv:2211.07740;
        Song et al., Denoising Diffusion Implicit Models, ICLR 2021, arXiv:2010.02502.
    """

    columns = ("reconstruction_error.*",)
    requires = Denoises

    def compute(self, images: NDArray[np.uint8], model: object) -> Columns:
        """Return `reconstruction_error.0`, from the smallest depth, to `reconstruction_error.4`."""
        denoiser: Denoises = named(model, Denoises)
        least, most = denoiser.noise_levels
        levels = np.geomspace(max(least, min(LEAST, most)), most, STEPS).tolist()

        def errors(x: Tensor) -> dict[str, Tensor]:
            y = float_like(model, x) / 255.0
            found = {}
            for number, steps in enumerate(range(2, STEPS + 1, 2)):
                noise = normal_noise(x, y[0].numel(), number).view(y.shape).to(y.dtype)
                noisy = y + levels[steps - 1] * noise
                error = in_float64(reconstructed(denoiser, noisy, levels[:steps]).clamp(0, 1) - y)
                found[f"reconstruction_error.{number}"] = error.square().mean(dim=(1, 2, 3))
            return found

        return in_batches(images, model, errors)


def reconstructed(denoiser: Denoises, noisy: Tensor, levels: Sequence[float]) -> Tensor:
    """Return images `(B, C, H, W)` without their noise, by steps of DDIM.

    Args:
        denoiser: The network.
        noisy: Images with noise of the largest level.
        levels: Standard deviations of noise, rising; the steps go down them and then to 0.
    """
    lower = [0.0, *levels]
    for level, below in zip(reversed(levels), reversed(lower[:-1]), strict=True):
        clean = denoiser.denoise(noisy, noisy.new_full((len(noisy),), level))
        noisy = clean + below / level * (noisy - clean)
    return noisy
