"""The two passes of a hierarchical VAE: up from an image, and down from the highest latents."""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import silu

from ood_bench.data import Shape
from ood_bench_models.importance import Posterior
from ood_bench_models.latent_layers import Residual, speak_up, strided, transposed

LARGEST_LOG_STD = 5.0


class BottomUp(nn.Module):
    """A strided 5×5 convolution and residual blocks for each level.

    Args:
        shape: Shape of one image.
        shapes: Shape of the features of each level, the lowest first.
        blocks: Residual blocks of a level.
    """

    def __init__(self, shape: Shape, shapes: Sequence[Shape], blocks: int) -> None:
        super().__init__()
        self.levels = nn.ModuleList(
            nn.Sequential(
                strided(before, after), *(Residual(after.channels) for _ in range(blocks))
            )
            for before, after in zip([shape, *shapes], shapes, strict=False)
        )

    def forward(self, y: Tensor) -> list[Tensor]:
        """Map images on [−1, 1] to the features d_1, …, d_L, the lowest first."""
        features = []
        for level in self.levels:
            y = level(y)
            features.append(y)
        return features


class TopDown(nn.Module):
    """The path from the highest latents to the pixels, which prior and posterior share.

    Latents pass as the standard normal u_l of z_l = μ_l(z_{>l}) + σ_l(z_{>l}) · u_l, with μ_l and
    σ_l those of the prior p(z_l | z_{>l}). All levels lie side by side in a row, the highest first.

    Args:
        shapes: Shape of the features of each level, the lowest first.
        latents: Channels of z_l at each level, the lowest first; at the highest the size of a
            vector.
        image: Shape of one image.
        blocks: Residual blocks of a level.
        outputs: Numbers for each pixel.

    Attributes:
        sizes: Numbers in u_l at each level, the highest first.
    """

    def __init__(
        self,
        shapes: Sequence[Shape],
        latents: Sequence[int],
        *,
        image: Shape,
        blocks: int,
        outputs: int,
    ) -> None:
        super().__init__()
        *lower, highest = list(zip(shapes, latents, strict=True))
        self.top = Top(*highest, blocks)
        self.ups = nn.ModuleList(
            transposed(above, below) for below, above in reversed(list(pairwise(shapes)))
        )
        self.levels = nn.ModuleList(LatentLevel(*level, blocks) for level in reversed(lower))
        self.sizes = [
            highest[1],
            *(size * shape.height * shape.width for shape, size in reversed(lower)),
        ]
        width = shapes[0].channels
        self.last = transposed(shapes[0], Shape(width, image.height, image.width))
        self.pixels = nn.Conv2d(width, outputs, 1)

    def forward(
        self, noise: Tensor, features: Sequence[Tensor] = (), *, above: int = 0
    ) -> tuple[Tensor, list[Posterior]]:
        """Map noise to the parameters of the pixels.

        Args:
            noise: Standard normal, shape `(N, sum(sizes))`.
            features: Those of the bottom-up pass, for N images.
            above: The levels higher than this draw from the posterior, the others the prior.

        Returns:
            Parameters `(N, outputs, H, W)`, and the posteriors of u_l at the levels above, the
            highest first.
        """
        noises = torch.split(noise, self.sizes, dim=1)
        inferred = len(self.sizes) - above
        seen: list[Tensor | None] = [
            features[-1 - i] if i < inferred else None for i in range(len(noises))
        ]
        h, posterior = self.top(seen[0], noises[0])
        posteriors = [posterior]
        for up, level, d, u in zip(self.ups, self.levels, seen[1:], noises[1:], strict=True):
            h, posterior = level(up(silu(h)), d, u)
            posteriors.append(posterior)
        parameters: Tensor = self.pixels(silu(self.last(silu(h))))
        return parameters, posteriors[:inferred]


class Top(nn.Module):
    """The highest latents, a vector with a standard normal prior.

    Args:
        shape: Shape of the level's features.
        latent: Size of z_L.
        blocks: Residual blocks.
    """

    def __init__(self, shape: Shape, latent: int, blocks: int) -> None:
        super().__init__()
        self.posterior = nn.Linear(shape.dims, 2 * latent)
        speak_up(self.posterior, latent)
        self.enter = nn.Sequential(nn.Linear(latent, shape.dims), nn.Unflatten(1, shape))
        self.blocks = nn.Sequential(*(Residual(shape.channels) for _ in range(blocks)))

    def forward(self, d: Tensor | None, noise: Tensor) -> tuple[Tensor, Posterior | None]:
        """Return the path below z_L, and q(z_L | x) if there are features d_L to infer it from."""
        u, posterior = _drawn(None if d is None else self.posterior(silu(d).flatten(1)), noise)
        return self.blocks(self.enter(u)), posterior


class LatentLevel(nn.Module):
    """The latents of a level on a grid, given the path h from the levels above.

    A skip path bypasses the latents, so that the levels above reach the pixels even if z_l carries
    no information.

    Args:
        shape: Shape of the level's features.
        latent: Channels of z_l.
        blocks: Residual blocks.
    """

    def __init__(self, shape: Shape, latent: int, blocks: int) -> None:
        super().__init__()
        self.prior = nn.Conv2d(shape.channels, 2 * latent, 3, padding=1)
        nn.init.zeros_(self.prior.weight)
        assert self.prior.bias is not None
        nn.init.zeros_(self.prior.bias)
        self.posterior = nn.Conv2d(2 * shape.channels, 2 * latent, 3, padding=1)
        speak_up(self.posterior, latent)
        self.enter = nn.Conv2d(latent, shape.channels, 1)
        self.blocks = nn.Sequential(*(Residual(shape.channels) for _ in range(blocks)))
        self.grid = Shape(latent, shape.height, shape.width)

    def forward(
        self, h: Tensor, d: Tensor | None, noise: Tensor
    ) -> tuple[Tensor, Posterior | None]:
        """Return the path below z_l, and q(u_l | x, z_{>l}) if there are features d_l."""
        mean, log_std = _moments(self.prior(silu(h)).flatten(1).to(noise.dtype))
        raw = None if d is None else self.posterior(silu(torch.cat([d, h], dim=1))).flatten(1)
        u, posterior = _drawn(raw, noise)
        z = mean + log_std.exp() * u
        return self.blocks(h + self.enter(z.view(-1, *self.grid))), posterior


def _moments(raw: Tensor) -> Posterior:
    """Return a mean and ln σ, the latter bounded to ±5."""
    mean, log_std = raw.chunk(2, dim=1)
    return Posterior(mean, LARGEST_LOG_STD * torch.tanh(log_std / LARGEST_LOG_STD))


def _drawn(raw: Tensor | None, noise: Tensor) -> tuple[Tensor, Posterior | None]:
    """Return u and its posterior; without one, u is the noise itself."""
    if raw is None:
        return noise, None
    posterior = _moments(raw.to(noise.dtype))
    return posterior.draw(noise.unsqueeze(1)).squeeze(1), posterior
