"""Error of what a network paints into masked parts of an image."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ood_bench.capabilities import Denoises, named
from ood_bench.detectors import Columns
from ood_bench.float64 import in_float64
from ood_bench.noise import normal_noise
from ood_bench.statistics import Statistic
from ood_bench.statistics.batches import float_like, in_batches

CELLS = 8
"""Cells of the checkerboard down and across, as in the paper; in fewer pixels, one a pixel."""
ATTEMPTS = 4
STEPS = 10
"""On 40 FashionMNIST images and the reference model, the mean error is 0.0129 with 10 steps, and
0.0112 with 20 or 40."""
LEAST = 0.02
"""The last noise level on images on [0, 1]."""


class InpaintingError(Statistic):
    """Mean squared error of four attempts to paint in what a checkerboard of 8×8 cells hides.

    Attempts hide the cells of one colour and of the other in turn. From noise on, each of ten steps
    draws the next image with less noise, in which the pixels that are not hidden are those of
    the image with as much noise. The noise is a function of the image. Noise levels are evenly
    spaced in ln σ, from the model's largest to 0.02 on images on [0, 1]. 40 passes.

    The paper makes ten attempts of 1,000 steps, 10,000 passes.

    Reference:
        Liu et al., Unsupervised Out-of-Distribution Detection with Diffusion Inpainting, ICML 2023,
        arXiv:2302.10326;
        Song et al., Score-Based Generative Modeling through Stochastic Differential Equations,
        ICLR 2021, arXiv:2011.13456, on painting in.
    """

    columns = ("inpainting_error.*",)
    requires = Denoises

    def compute(self, images: NDArray[np.uint8], model: object) -> Columns:
        """Return `inpainting_error.0` to `inpainting_error.3`, one for each attempt."""
        denoiser: Denoises = named(model, Denoises)
        least, most = denoiser.noise_levels
        levels = np.geomspace(most, max(least, min(LEAST, most)), STEPS).tolist()

        def errors(x: Tensor) -> dict[str, Tensor]:
            y = float_like(model, x) / 255.0
            dark = checkerboard(*y.shape[2:]).to(y.device)
            found = {}
            for attempt in range(ATTEMPTS):

                def noise(step: int, first: int = attempt * STEPS) -> Tensor:
                    drawn = normal_noise(x, y[0].numel(), first + step)
                    return drawn.view(y.shape).to(y.dtype)

                known = dark if attempt % 2 else ~dark
                error = in_float64(inpainted(denoiser, y, known, levels, noise) - y)
                found[f"inpainting_error.{attempt}"] = error.square().mean(dim=(1, 2, 3))
            return found

        return in_batches(images, model, errors)


def checkerboard(height: int, width: int) -> Tensor:
    """Return which pixels lie in dark cells of 8×8, `(H, W)`; the first cell is light.

    Example:
        >>> checkerboard(8, 8)[:2, :4].int().tolist()
        [[0, 1, 0, 1], [1, 0, 1, 0]]
    """
    row, column = (torch.arange(n) * min(CELLS, n) // n for n in (height, width))
    return (row[:, None] + column) % 2 == 1


def inpainted(
    denoiser: Denoises,
    y: Tensor,
    known: Tensor,
    levels: Sequence[float],
    noise: Callable[[int], Tensor],
) -> Tensor:
    """Return images whose unknown pixels are drawn given the known ones, `(B, C, H, W)`.

    Args:
        denoiser: The network.
        y: Images on [0, 1]; their unknown pixels change nothing.
        known: Which pixels are known, `(H, W)`.
        levels: Standard deviations of noise, falling.
        noise: Maps a step to standard normal noise of the images' shape.
    """
    noisy = torch.where(known, y, 0.5) + levels[0] * noise(0)
    for step, (level, below) in enumerate(zip(levels, [*levels[1:], 0.0], strict=True), start=1):
        clean = denoiser.denoise(noisy, noisy.new_full((len(noisy),), level))
        kept = (below / level) ** 2
        mean = clean + kept * (noisy - clean)
        drawn = noise(step)
        noisy = torch.where(known, y + below * drawn, mean + below * (1.0 - kept) ** 0.5 * drawn)
    return noisy
