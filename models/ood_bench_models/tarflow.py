"""TarFlow: autoregressive transformer flows over patches, in alternating order."""

import math
from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.functional import pixel_shuffle, pixel_unshuffle

from ood_bench.data import Shape
from ood_bench_models.causal_transformer import CausalTransformer, Seen
from ood_bench_models.flow import Flow
from ood_bench_models.gaussian import LN_2PI


class TarFlow(Flow):
    """A flow of affine autoregressive blocks, each with a causal transformer over patches.

    A block maps patch x_t to (x_t − μ_t) · exp(−α_t), where μ_t and α_t are functions of the
    patches before it; the next block runs over them in the opposite order. The prior is standard
    normal. Unlike in the paper, the first patch of a block is shifted and scaled too, by
    constants that are learned.

    Args:
        shape: Shape of one image.
        patch: Side of a patch in pixels; divides height and width.
        blocks: Autoregressive blocks.
        layers: Transformer layers of each block.
        width: Numbers of a token in the transformers.
        heads: Heads of attention; divides the width.

    Reference:
        Zhai et al., Normalizing Flows are Capable Generative Models, 2024, arXiv:2412.06329.
    """

    def __init__(
        self,
        shape: Shape,
        *,
        patch: int = 4,
        blocks: int = 4,
        layers: int = 2,
        width: int = 128,
        heads: int = 4,
    ) -> None:
        super().__init__(shape)
        sizes = {"patch": patch, "blocks": blocks, "layers": layers, "width": width, "heads": heads}
        for name, size in sizes.items():
            if size < 1:
                raise ValueError(f"TarFlow needs {name} >= 1, got {name}={size}")
        C, H, W = shape
        if H % patch or W % patch:
            raise ValueError(
                f"TarFlow with patch={patch} needs a height and width divisible by {patch}, "
                f"got images of {shape}"
            )
        if width % heads:
            raise ValueError(
                f"TarFlow needs a width divisible by heads, got width={width} and heads={heads}"
            )
        self.patch = patch
        self.grid = (H // patch, W // patch)
        numbers = C * patch**2
        stack = [
            CausalTransformer(
                math.prod(self.grid),
                numbers,
                2 * numbers,
                layers=layers,
                width=width,
                heads=heads,
            )
            for _ in range(blocks)
        ]
        self.blocks = cast(Sequence[CausalTransformer], nn.ModuleList(stack))

    def forward(self, y: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Map images on [0, 1] to latents `(B, D)`, log p(z) and log |dz/dy|, each `(B,)`.

        The latents are in the order of an image's pixels.
        """
        x = self._patches(2.0 * y - 1.0)
        log_volume = x.new_full((len(x),), self.shape.dims * math.log(2.0))
        for block in self.blocks:
            with self.autocast():
                output = block(x)
            mean, log_scale = output.to(x.dtype).chunk(2, dim=2)
            x = ((x - mean) * (-log_scale).exp()).flip(1)
            log_volume = log_volume - log_scale.sum(dim=(1, 2))
        z = self._image(x).flatten(1)
        return z, -0.5 * (z.square() + LN_2PI).sum(dim=1), log_volume

    def to_noise(self, y: Tensor) -> Tensor:
        """Map images on [0, 1] to latents `(B, D)`, whose prior is standard normal."""
        return self.encode(y)

    def decode(self, z: Tensor) -> Tensor:
        """Return the images that `encode` maps to z, patch by patch."""
        x = self._patches(z.view(-1, *self.shape))
        for block in reversed(self.blocks):
            x = self._inverse(block, x.flip(1))
        return (self._image(x) + 1.0) / 2.0

    @torch.no_grad()
    def sample(self, n: int, *, temperature: float = 1.0, seed: int = 0) -> Tensor:
        """Draw images on the scale [0, 1], not clipped, shape `(n, C, H, W)`."""
        return self.decode(self.noise(n, temperature=temperature, seed=seed))

    def _inverse(self, block: CausalTransformer, z: Tensor) -> Tensor:
        """Invert a block, `(B, T, P)`: one patch after the other, with cached keys and values."""
        found: list[Tensor] = []
        seen: list[Seen] = []
        for latent in z.unbind(1):
            last = found[-1] if found else None
            mean, log_scale = block.next(last, len(z), seen).chunk(2, dim=1)
            found.append(mean + log_scale.exp() * latent)
        return torch.stack(found, dim=1)

    def _patches(self, x: Tensor) -> Tensor:
        """Cut images into patches, `(B, T, P)`, row by row."""
        return pixel_unshuffle(x, self.patch).flatten(2).transpose(1, 2)

    def _image(self, x: Tensor) -> Tensor:
        """Join patches to images."""
        return pixel_shuffle(x.transpose(1, 2).reshape(len(x), -1, *self.grid), self.patch)
