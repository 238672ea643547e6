"""Glow: a multi-scale flow of actnorm, invertible 1×1 convolutions and coupling layers."""

import math
from collections.abc import Sequence
from typing import Literal, cast

import torch
from torch import Tensor, nn

from ood_bench.capabilities import (
    ConstantVolume,
    DecomposesByLevel,
    Decomposition,
    LinearLevel,
)
from ood_bench.data import Shape
from ood_bench_models.coupling_networks import ConvolutionalNetwork, HighwayNetwork
from ood_bench_models.flow import Flow
from ood_bench_models.flow_step import FlowStep
from ood_bench_models.gaussian import Gaussian
from ood_bench_models.level import Level

NETWORKS: dict[str, type[ConvolutionalNetwork] | type[HighwayNetwork]] = {
    "convolutional": ConvolutionalNetwork,
    "highway": HighwayNetwork,
}


class Glow(Flow, DecomposesByLevel, ConstantVolume):
    """Glow, and with `coupling: additive` the constant-volume CV-Glow.

    Each level turns 2×2 pixels into channels, runs `steps` flow steps, and gives half of its
    channels to the prior; the last level gives all.

    Args:
        shape: Shape of one image; height and width must be divisible by 2^levels.
        levels: Scales. 0 runs `steps` steps on the image as it is, without squeezing; it
            needs an even number of channels.
        steps: Flow steps of each level.
        width: Hidden channels of the coupling networks.
        coupling: `affine`, or `additive`, whose volume term is the same for every image.
        network: `convolutional`, the three layers of Kingma & Dhariwal, or `highway`.
        prior: `learned` as in Kingma & Dhariwal, or `standard` normal.

    Reference:
        Kingma & Dhariwal, Glow: Generative Flow with Invertible 1×1 Convolutions, 2018,
        arXiv:1807.03039;
        Nalisnick et al., Do Deep Generative Models Know What They Don't Know?, 2019,
        arXiv:1810.09136.
    """

    def __init__(
        self,
        shape: Shape,
        *,
        levels: int = 2,
        steps: int = 12,
        width: int = 32,
        coupling: Literal["affine", "additive"] = "affine",
        network: Literal["convolutional", "highway"] = "convolutional",
        prior: Literal["learned", "standard"] = "learned",
    ) -> None:
        super().__init__(shape)
        if levels < 0 or steps < 1 or width < 1:
            raise ValueError(
                "Glow needs levels >= 0, steps >= 1 and width >= 1, "
                f"got levels={levels}, steps={steps}, width={width}"
            )
        C, H, W = shape
        halved = 2 ** min(levels, H.bit_length())  # 2^levels may be too large to write down
        if H % halved or W % halved:
            raise ValueError(
                f"Glow with levels={levels} needs a height and width divisible by {halved}, "
                f"got images of {shape}"
            )
        if levels == 0 and C % 2:
            raise ValueError(f"Glow with levels=0 needs an even number of channels, got {shape}")
        affine, learned = coupling == "affine", prior == "learned"
        self.constant_volume = not affine
        squeeze = 2 if levels else 1
        stack: list[Level] = []
        for number in range(max(levels, 1)):
            last = number >= levels - 1
            C, H, W = C * squeeze**2, H // squeeze, W // squeeze
            half = C // 2
            flow_steps = [
                FlowStep(C, NETWORKS[network](half, half * (1 + affine), width), affine=affine)
                for _ in range(steps)
            ]
            gaussian = Gaussian(C if last else half, kept=0 if last else half, learned=learned)
            latent = Shape(C if last else half, H, W)
            stack.append(Level(flow_steps, gaussian, latent, squeeze=squeeze, last=last))
            C = half
        self.levels = cast(Sequence[Level], nn.ModuleList(stack))

    def forward(self, y: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Map images on [0, 1] to latents `(B, D)`, log p(z) and log |dz/dy|, each `(B,)`.

        The latents of the finest level come first.
        """
        x: Tensor | None = y - 0.5
        latents: list[Tensor] = []
        log_prior = log_volume = y.new_zeros(len(y))
        for level in self.levels:
            x, z, level_prior, level_volume = level(x, self.autocast())
            latents.append(z.flatten(1))
            log_prior = log_prior + level_prior
            log_volume = log_volume + level_volume
        return torch.cat(latents, dim=1), log_prior, log_volume

    def decompose_levels(self, x: Tensor) -> list[Decomposition]:
        """Return each level's log p(z) and share of log |dz/dx| in nats, the finest first."""
        kept: Tensor | None = self.dequantize(x) - 0.5
        found: list[Decomposition] = []
        for level in self.levels:
            kept, _, log_prior, log_volume = level(kept, self.autocast())
            constant = level.latent.dims * math.log(256.0)
            found.append(Decomposition(log_prior, (log_volume - constant).expand(len(x))))
        return found

    @torch.no_grad()
    def linear_part(self, y: Tensor) -> tuple[LinearLevel, ...] | None:
        """Return actnorms and 1×1 convolutions, and the prior's variance at the image y."""
        if not self.constant_volume:
            return None
        x: Tensor | None = y[None] - 0.5
        found: list[LinearLevel] = []
        for level in self.levels:
            x, z, _, _ = level(x, self.autocast())
            found.append(level.linear_part(z, x))
        return tuple(found)

    def to_noise(self, y: Tensor) -> Tensor:
        """Map images on [0, 1] to latents `(B, D)` less the prior's mean, over its std."""
        x: Tensor | None = y - 0.5
        found: list[Tensor] = []
        for level in self.levels:
            x, z, _, _ = level(x, self.autocast())
            found.append(level.prior.to_noise(z, x).flatten(1))
        return torch.cat(found, dim=1)

    def decode(self, z: Tensor) -> Tensor:
        """Return the images that `encode` maps to z."""
        return self._invert(z, noise=False)

    @torch.no_grad()
    def sample(self, n: int, *, temperature: float = 1.0, seed: int = 0) -> Tensor:
        """Draw images on the scale [0, 1], not clipped, shape `(n, C, H, W)`."""
        return self._invert(self.noise(n, temperature=temperature, seed=seed), noise=True)

    def _invert(self, z: Tensor, *, noise: bool) -> Tensor:
        parts = torch.split(z, [level.latent.dims for level in self.levels], dim=1)
        x: Tensor | None = None
        for level, part in zip(reversed(self.levels), reversed(parts), strict=True):
            z = part.view(-1, *level.latent)
            if noise:
                z = level.prior.from_noise(z, x)
            x = level.inverse(z, x, self.autocast())
        assert x is not None
        return x + 0.5

    def prepare(self, y: Tensor) -> None:
        """Initialise the actnorms, each from the output of what is before it."""
        x = y - 0.5
        for level in self.levels:
            x = level.prepare(x, self.autocast())
