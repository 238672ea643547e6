"""One level of Glow: squeeze, flow steps, and the split of latents."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn.functional import pixel_shuffle, pixel_unshuffle

from ood_bench.capabilities import LinearLevel
from ood_bench.data import Shape
from ood_bench_models.flow_step import FlowStep
from ood_bench_models.gaussian import Gaussian


class Split(NamedTuple):
    """The output of a level.

    Attributes:
        kept: The input of the next level; None at the last level.
        z: The level's latents.
        log_prior: log p(z | kept) in nats, shape `(B,)`.
        log_volume: log |det| of the level in nats, shape `(B,)` or of one element.
    """

    kept: Tensor | None
    z: Tensor
    log_prior: Tensor
    log_volume: Tensor


class Level(nn.Module):
    """Turns squares of pixels into channels, runs flow steps, and splits off latents.

    Args:
        steps: The flow steps.
        prior: The prior of the latents.
        latent: Shape of the latents: half of the channels, or all at the last level.
        squeeze: Side of the squares; 1 leaves the image as it is.
        last: Whether all channels become latents.
    """

    def __init__(
        self, steps: Iterable[FlowStep], prior: Gaussian, latent: Shape, *, squeeze: int, last: bool
    ) -> None:
        super().__init__()
        self.steps = cast(Sequence[FlowStep], nn.ModuleList(steps))
        self.prior = prior
        self.latent = latent
        self.squeeze = squeeze
        self.last = last

    def forward(self, x: Tensor, autocast: torch.autocast) -> Split:
        """Map the level's input to what is kept and to latents."""
        x = self.squeezed(x)
        log_volume = x.new_zeros(())
        for step in self.steps:
            x, log_det = step(x, autocast)
            log_volume = log_volume + log_det
        kept, z = (None, x) if self.last else x.chunk(2, dim=1)
        return Split(kept, z, self.prior.log_density(z, kept), log_volume)

    def inverse(self, z: Tensor, kept: Tensor | None, autocast: torch.autocast) -> Tensor:
        """Return the x that `forward` maps to `kept` and `z`."""
        x = z if kept is None else torch.cat([kept, z], dim=1)
        for step in reversed(self.steps):
            x = step.inverse(x, autocast)
        return pixel_shuffle(x, self.squeeze)

    def prepare(self, x: Tensor, autocast: torch.autocast) -> Tensor:
        """Initialise the steps, each from the output of the one before; return what is kept."""
        x = self.squeezed(x)
        for step in self.steps:
            x = step.prepare(x, autocast)
        return x if self.last else x.chunk(2, dim=1)[0]

    def linear_part(self, z: Tensor, kept: Tensor | None) -> LinearLevel:
        """Return the level without coupling shifts, its prior that of one image's output."""
        matrices = torch.stack([step.mixing.affine()[0] for step in self.steps])
        moments = self.prior.moments(kept)
        log_std = torch.zeros_like(z) if moments is None else moments[1]
        return LinearLevel(self.squeeze, matrices, (2.0 * log_std).exp().expand_as(z)[0])

    def squeezed(self, x: Tensor) -> Tensor:
        """Return squares of pixels as channels, in the memory layout that convolutions like."""
        return pixel_unshuffle(x, self.squeeze).contiguous(memory_format=torch.channels_last)
