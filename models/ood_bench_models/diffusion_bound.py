"""A bound on log P(x) from a network that finds the noise in an image, whatever network it is."""

import math
from abc import ABC, abstractmethod

import torch
from torch import Tensor

from ood_bench.capabilities import Denoises, ElboTerms, Infers, Samples
from ood_bench.noise import normal_noise, uniform_noise
from ood_bench_models.channel_moments import ChannelMoments

LEVELS = 256
VALUES_AT_ONCE = 2**22
"""Pixels times levels whose probabilities given z_0 are computed at once."""
SAMPLING_STEPS = 250


class DiffusionBound(ChannelMoments, Infers, Samples, Denoises, ABC):
    r"""The bound of a variational diffusion model, given its ε̂, in continuous time.

    With x on [−1, 1], z_t = α_t x + σ_t ε and γ(t) = ln(σ_t² / α_t²), the bound on −log P(x) is

    $$KL(q(z_1|x) ‖ N(0, 1)) + \tfrac12 \int E‖ε - ε̂(z_t, t)‖² dγ - E \log P(x|z_0).$$

    The share of the linear denoiser for each channel's mean and standard deviation is exact, in
    closed form; the difference of ε̂ from it is estimated from draws of t and ε, which are a
    function of the image in evaluation. A subclass calls `set_range` and defines `noise_in`.

    Attributes:
        least: γ(0), of the least noise.
        most: γ(1), of the most noise.
        samples: Draws of t and ε in evaluation.

    Reference:
        Kingma et al., Variational Diffusion Models, NeurIPS 2021, arXiv:2107.00630.
    """

    least: float
    most: float
    samples: int

    def set_range(self, least: float, most: float) -> None:
        """Set γ of the least and of the most noise, and `noise_levels`."""
        self.least, self.most = least, most
        self.noise_levels = (0.5 * math.exp(least / 2), 0.5 * math.exp(most / 2))

    @abstractmethod
    def noise_in(self, u: Tensor, spread: Tensor) -> Tensor:
        """Return ε̂ of images x + s ε on the scale [−1, 1], with s of shape `(B, 1, 1, 1)`."""

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
        found = u - spread * self.noise_in(u, spread)
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
            mean = z - share * sigma * self.noise_in(z / alpha, spread)
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

    def _change(self, scaled: Tensor, noise: Tensor, gamma: Tensor) -> Tensor:
        """Return what the network changes of the integral, by one draw of t and ε, `(B,)`."""
        spread = (gamma / 2).exp().view(-1, 1, 1, 1)
        error = noise - self.noise_in(scaled + spread * noise, spread)
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
