"""A variational diffusion model: a bound on log P(x) from a network that removes noise."""

import math

import torch
from torch import Tensor

from ood_bench.data import Shape
from ood_bench_models.diffusion_bound import DiffusionBound
from ood_bench_models.unet import UNet, check_scales


class Diffusion(DiffusionBound):
    r"""A variational diffusion model with a fixed schedule, linear in the log-SNR.

    With x on [−1, 1], z_t = α_t x + σ_t ε and γ(t) = ln(σ_t² / α_t²), the bound on −log P(x) is

    $$KL(q(z_1|x) ‖ N(0, 1)) + \tfrac12 \int E‖ε - ε̂(z_t, t)‖² dγ - E \log P(x|z_0).$$

    ε̂ is the linear denoiser for each channel's mean and standard deviation, plus a network. The
    linear denoiser's share of the integral is exact, in closed form; what the network changes is
    estimated from draws of t and ε, which are a function of the image in evaluation.

    Args:
        shape: Shape of one image; height and width must be divisible by 2^(scales − 1).
        channels: Channels of the U-Net on each scale.
        blocks: Residual blocks on each scale.
        log_snr: The smallest and the largest log-SNR, −γ. The default is where the paper's
            learned schedule starts. Noise at the largest lies well within a pixel's level, and
            the network must learn where the levels are.
        fourier: Whether the network also sees sines and cosines of 128 π z and 256 π z, which
            tell neighbouring levels apart.
        samples: Draws of t and ε in evaluation, evenly spaced in t; more make the bound more
            precise, not tighter, and cost as much more.

    Reference:
        Kingma et al., Variational Diffusion Models, NeurIPS 2021, arXiv:2107.00630;
        Karras et al., Elucidating the Design Space of Diffusion-Based Generative Models,
        NeurIPS 2022, arXiv:2206.00364.
    """

    def __init__(
        self,
        shape: Shape,
        *,
        channels: tuple[int, ...] = (32, 64, 64),
        blocks: int = 1,
        log_snr: tuple[float, float] = (-5.0, 13.3),
        fourier: bool = True,
        samples: int = 16,
    ) -> None:
        super().__init__(shape)
        if min(blocks, samples, len(channels), *channels) < 1:
            raise ValueError(
                "Diffusion needs blocks and samples >= 1 and channels of at least one number "
                f">= 1, got blocks={blocks}, samples={samples}, channels={list(channels)}"
            )
        if log_snr[0] >= log_snr[1]:
            raise ValueError(f"Diffusion needs log_snr in rising order, got {list(log_snr)}")
        check_scales("Diffusion", shape, channels)
        self.set_range(-log_snr[1], -log_snr[0])
        self.samples, self.fourier = samples, fourier
        inputs = shape.channels * (5 if fourier else 1)
        self.network = UNet(inputs, shape.channels, channels=channels, blocks=blocks)

    def noise_in(self, u: Tensor, spread: Tensor) -> Tensor:
        """Return ε̂ of images x + s ε on the scale [−1, 1], with s of shape `(B, 1, 1, 1)`."""
        centred = u - self.mean
        total = (spread.square() + self.std.square()).sqrt()
        inputs = centred / total
        if self.fourier:
            z = u / (1.0 + spread.square()).sqrt()
            waves = [f(k * math.pi * z) for k in (128, 256) for f in (torch.sin, torch.cos)]
            inputs = torch.cat([inputs, *waves], dim=1)
        gamma = 2.0 * spread.flatten().log()
        with self.autocast():
            found = self.network(inputs, (gamma - self.least) / (self.most - self.least))
        noise: Tensor = spread / total.square() * centred - self.std / total * found.to(u.dtype)
        return noise
