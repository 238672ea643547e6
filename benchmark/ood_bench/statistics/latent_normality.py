"""Tests of whether a flow's latents look like independent normal numbers."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ood_bench.capabilities import EncodesToNoise, named
from ood_bench.detectors import Columns
from ood_bench.float64 import in_float64
from ood_bench.noise import uniform_noise
from ood_bench.statistics import Statistic
from ood_bench.statistics.batches import float_like, in_batches


class LatentNormality(Statistic):
    """Two tests of one image's latents: their distribution, and their spectrum.

    The latents are those of the image with the noise of `log_prob`, less the prior's mean and over
    its standard deviation. `anderson_darling` is the statistic of Anderson and Darling of the D
    latents against a normal distribution of their own mean and variance; `spectrum` is the
    coefficient of variation of the power spectrum of the latents in a row, about 1 for independent
    ones. Both are larger for latents that look less so. One pass.

    The paper tests the noise that a flow trained by flow matching takes an image to.

    Reference:
        Bomatter et al., The Signal in the Noise: OOD Detection Through Goodness-of-Fit Testing in
        Factorised Latent Spaces, 2026, arXiv:2605.22496;
        Anderson & Darling, A test of goodness of fit, 1954, doi:10.1080/01621459.1954.10501232.
    """

    columns = ("latent_normality.anderson_darling", "latent_normality.spectrum")
    requires = EncodesToNoise

    def compute(self, images: NDArray[np.uint8], model: object) -> Columns:
        """Return both statistics of each image."""
        flow: EncodesToNoise = named(model, EncodesToNoise)

        def tests(x: Tensor) -> dict[str, Tensor]:
            noise = flow.to_noise((float_like(model, x) + uniform_noise(x)) / 256.0)
            found = in_float64(noise)
            return dict(zip(self.columns, (anderson_darling(found), variation(found)), strict=True))

        return in_batches(images, model, tests)


def anderson_darling(z: Tensor) -> Tensor:
    """Return the Anderson-Darling statistic of each row, mean and variance estimated, `(B,)`."""
    count = z.shape[1]
    ordered = ((z - z.mean(dim=1, keepdim=True)) / z.std(dim=1, keepdim=True)).sort(dim=1).values
    weight = torch.arange(1, 2 * count, 2, device=z.device, dtype=z.dtype) / count
    below, above = torch.special.log_ndtr(ordered), torch.special.log_ndtr(-ordered.flip(1))
    found: Tensor = -count - (weight * (below + above)).sum(dim=1)
    return found


def variation(z: Tensor) -> Tensor:
    """Return standard deviation over mean of the power spectrum of each row, `(B,)`."""
    power = torch.fft.rfft(z, dim=1).abs().square()
    found: Tensor = power.std(dim=1) / power.mean(dim=1)
    return found
