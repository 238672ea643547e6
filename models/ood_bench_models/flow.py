"""What flows have in common: densities, terms and latents from one pass."""

import math
from abc import ABC, abstractmethod

import torch
from torch import Tensor

from ood_bench.capabilities import (
    Decomposes,
    Decomposition,
    Differentiable,
    EncodesToNoise,
    Samples,
)
from ood_bench.lit import DensityModule


class Flow(DensityModule, Decomposes, EncodesToNoise, Samples, Differentiable, ABC):
    """An invertible map of dequantized images to latents with a prior.

    A subclass writes `forward`, `to_noise`, `decode` and `sample`.
    """

    @abstractmethod
    def forward(self, y: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Map images on [0, 1] to latents `(B, D)`, log p(z) and log |dz/dy|, each `(B,)`."""

    def decompose(self, x: Tensor) -> Decomposition:
        """Return log p(z) and log |dz/dx| in nats, each of shape `(B,)`."""
        _, log_prior, log_volume = self.forward(self.dequantize(x))
        return Decomposition(log_prior, log_volume - self.shape.dims * math.log(256.0))

    def log_prob(self, x: Tensor) -> Tensor:
        """Return log P(x) in nats, shape `(B,)`."""
        log_prior, log_volume = self.decompose(x)
        return log_prior + log_volume

    def log_density(self, y: Tensor) -> Tensor:
        """Return the log-density of images on [0, 1] in nats, shape `(B,)`."""
        _, log_prior, log_volume = self.forward(y)
        return log_prior + log_volume

    def encode(self, y: Tensor) -> Tensor:
        """Map images on [0, 1] to latents `(B, D)`."""
        z, _, _ = self.forward(y)
        return z

    def noise(self, n: int, *, temperature: float, seed: int) -> Tensor:
        """Return normal noise `(n, D)` for samples, the same on every device."""
        generator = torch.Generator().manual_seed(seed)
        noise = torch.randn(n, self.shape.dims, generator=generator) * temperature
        return noise.type_as(next(self.parameters()))
