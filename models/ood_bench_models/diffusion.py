"""A variational diffusion model: a bound on log P(x) from a network that removes noise."""

import math

import torch
from torch import Tensor

from ood_bench.capabilities import Denoises, ElboTerms, Infers, Samples
from ood_bench.data import Shape
from ood_bench.noise import normal_noise, uniform_noise
from ood_bench_models.channel_moments import ChannelMoments
from ood_bench_models.unet import UNet, check_scales

LEVELS = 256
VALUES_AT_ONCE = 2**22
"""Pixels times levels whose probabilities given z_0 are computed at once."""
SAMPLING_STEPS = 250


class Diffusion(ChannelMoments, Infers, Samples, Denoises):
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
        self.least, self.most = -log_snr[1], -log_snr[0]
        self.noise_levels = (0.5 * math.exp(self.least / 2), 0.5 * math.exp(self.most / 2))
        self.samples, self.fourier = samples, fourier
        inputs = shape.channels * (5 if fourier else 1)
        self.network = UNet(inputs, shape.channels, channels=channels, blocks=blocks)

    def log_prob(self, x: Tensor) -> Tensor:
        """Return the bound on log P(x) in nats, shape `(B,)`; unbiased, whatever the draws."""
        reconstruction, kl = self.elbo_terms(x)
        return reconstruction - kl

    def elbo_terms(self, x: Tensor) -> ElboTerms:
        """Return E log P(x | z_0) and the other terms of the bound, in nats, each `(B,)`.

        The second is KL(q(z_1|x) ‖ p(z_1)) and the integral over t, the divergence of all z_t.
        """
        self.admit(x)
        scaled = self._scaled(x)
        draws = 1 if self.training else self.samples
        salt: int | Tensor = self.salt if self.training else 0
        change = scaled.new_zeros(len(x))
        for draw in range(draws):
            level = self._levels(x, salt, draw, draws)
            change = change + self._change(scaled, self._noise(x, salt + draw), level) / draws
        reconstruction = self._reconstruction(x, scaled, self._noise(x, salt))
        return ElboTerms(reconstruction, self._prior_kl(scaled) + self._gaussian(scaled) + change)

    def denoise(self, noisy: Tensor, sigma: Tensor) -> Tensor:
        """Return the estimate of the images y under noise, y + σ ε on [0, 1], `(B, C, H, W)`."""
        spread = 2.0 * sigma.view(-1, 1, 1, 1)
        u = 2.0 * noisy - 1.0
        found = u - spread * self._noise_in(u, spread)
        return (found + 1.0) / 2.0

    @torch.no_grad()
    def sample(self, n: int, *, temperature: float = 1.0, seed: int = 0) -> Tensor:
        """Draw images at the middle of their levels on [0, 1], shape `(n, C, H, W)`.

        By 250 steps of ancestral sampling; the temperature scales the noise of each.
        """
        generator = torch.Generator().manual_seed(seed)

        def noise() -> Tensor:
            drawn = torch.randn(n, *self.shape, generator=generator) * temperature
            return drawn.to(self.device).to(self.dtype)

        levels = torch.linspace(self.most, self.least, SAMPLING_STEPS + 1, dtype=torch.float64)
        z = noise()
        for now, then in zip(levels.tolist(), levels[1:].tolist(), strict=False):
            alpha, sigma = _scales(now)
            alpha_then, sigma_then = _scales(then)
            spread = z.new_full((n, 1, 1, 1), sigma / alpha)
            share = -math.expm1(then - now)
            mean = z - share * sigma * self._noise_in(z / alpha, spread)
            z = alpha_then / alpha * mean + sigma_then * math.sqrt(share) * noise()
        level = ((z / _scales(self.least)[0] + 1.0) * 127.5).round().clamp(0, LEVELS - 1)
        return (level + 0.5) / LEVELS

    def _scaled(self, x: Tensor) -> Tensor:
        return x.to(self.dtype) / 127.5 - 1.0

    def _noise(self, x: Tensor, salt: int | Tensor) -> Tensor:
        return normal_noise(x, self.shape.dims, salt).view(x.shape).to(self.dtype)

    def _levels(self, x: Tensor, salt: int | Tensor, draw: int, draws: int) -> Tensor:
        """Return γ of each image at a draw, evenly spaced over draws, in training over images."""
        first = x[:1] * 0 if self.training else x
        offset = uniform_noise(first, salt).flatten(1)[:, 0].to(self.dtype)
        if self.training:
            offset = (offset + torch.arange(len(x), device=x.device) / len(x)) % 1.0
        return self.least + (self.most - self.least) * (offset + draw) / draws

    def _noise_in(self, u: Tensor, spread: Tensor) -> Tensor:
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

    def _change(self, scaled: Tensor, noise: Tensor, gamma: Tensor) -> Tensor:
        """Return what the network changes of the integral, by one draw of t and ε, `(B,)`."""
        spread = (gamma / 2).exp().view(-1, 1, 1, 1)
        error = noise - self._noise_in(scaled + spread * noise, spread)
        total = spread.square() + self.std.square()
        kept, lost = self.std.square() / total, spread / total
        linear = kept * noise - lost * (scaled - self.mean)
        excess = (error.square() - linear.square()).sum(dim=(1, 2, 3))
        return 0.5 * (self.most - self.least) * excess

    def _gaussian(self, scaled: Tensor) -> Tensor:
        """Return the integral for the linear denoiser alone, in closed form, `(B,)`."""
        square = ((scaled - self.mean) / self.std).square()

        def antiderivative(gamma: float) -> Tensor:
            ratio = math.exp(gamma) / self.std.square()
            return (ratio / (1 + ratio)).log() + (1 - square) / (1 + ratio)

        integral = antiderivative(self.most) - antiderivative(self.least)
        return 0.5 * integral.sum(dim=(1, 2, 3))

    def _prior_kl(self, scaled: Tensor) -> Tensor:
        """Return KL(q(z_1|x) ‖ N(0, 1)), `(B,)`."""
        alpha, sigma = _scales(self.most)
        square = (alpha * scaled).square().sum(dim=(1, 2, 3))
        excess = sigma**2 - 1.0 - 2.0 * math.log(sigma)
        return 0.5 * (square + self.shape.dims * excess)

    @torch.no_grad()
    def _reconstruction(self, x: Tensor, scaled: Tensor, noise: Tensor) -> Tensor:
        """Return log P(x | z_0) at a draw of z_0, `(B,)`; no parameter takes part."""
        spread = math.exp(self.least / 2)
        levels = torch.arange(LEVELS, device=x.device).to(self.dtype) / 127.5 - 1.0
        size = max(1, VALUES_AT_ONCE // (LEVELS * self.shape.dims))
        found = []
        for u, image in zip(
            torch.split(scaled + spread * noise, size), torch.split(x, size), strict=True
        ):
            logits = -0.5 * ((u[..., None] - levels) / spread).square()
            right = logits.gather(4, image.long()[..., None])[..., 0]
            found.append((right - logits.logsumexp(dim=4)).sum(dim=(1, 2, 3)))
        return torch.cat(found)


def _scales(gamma: float) -> tuple[float, float]:
    """Return α and σ, with α² + σ² = 1 and ln(σ² / α²) = γ."""
    return math.sqrt(1 / (1 + math.exp(gamma))), math.sqrt(1 / (1 + math.exp(-gamma)))
