"""The Gaussian prior of a flow's latents."""

import math

import torch
from torch import Tensor, nn

from ood_bench_models.coupling_networks import ScaledConv

LN_2PI = math.log(2.0 * math.pi)


class Gaussian(nn.Module):
    """The prior of one level's latents: N(0, 1), or N(μ, σ²) with learned μ and σ.

    Where part of the level's output is kept for the next level, μ and σ are a function of it;
    at the last level they are one number a channel. Both start as N(0, 1).

    Args:
        channels: Channels of the latents.
        kept: Channels that the level keeps; 0 at the last level.
        learned: Whether to learn μ and σ.
    """

    def __init__(self, channels: int, *, kept: int, learned: bool) -> None:
        super().__init__()
        self.of_kept = None
        self.of_channel = None
        if learned and kept:
            self.of_kept = ScaledConv(kept, 2 * channels, kernel=3, zeros=True)
        elif learned:
            self.of_channel = nn.Parameter(torch.zeros(2 * channels, 1, 1))

    def moments(self, kept: Tensor | None) -> tuple[Tensor, Tensor] | None:
        """Return μ and ln σ, or None for N(0, 1)."""
        if self.of_kept is not None:
            mean, log_std = self.of_kept(kept).chunk(2, dim=1)
        elif self.of_channel is not None:
            mean, log_std = self.of_channel.chunk(2)
        else:
            return None
        return mean, log_std

    def log_density(self, z: Tensor, kept: Tensor | None) -> Tensor:
        """Return log p(z | kept) in nats, shape `(B,)`."""
        moments = self.moments(kept)
        if moments is None:
            return -0.5 * (z.square() + LN_2PI).sum(dim=(1, 2, 3))
        mean, log_std = moments
        noise = (z - mean) * (-log_std).exp()
        return -(0.5 * (noise.square() + LN_2PI) + log_std).sum(dim=(1, 2, 3))

    def to_noise(self, z: Tensor, kept: Tensor | None) -> Tensor:
        """Return (z − μ) / σ."""
        moments = self.moments(kept)
        if moments is None:
            return z
        mean, log_std = moments
        return (z - mean) * (-log_std).exp()

    def from_noise(self, noise: Tensor, kept: Tensor | None) -> Tensor:
        """Return μ + σ · noise."""
        moments = self.moments(kept)
        if moments is None:
            return noise
        mean, log_std = moments
        return mean + log_std.exp() * noise
