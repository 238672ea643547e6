"""PixelCNN: each pixel given those before it, row by row, by masked convolutions."""

from collections.abc import Sequence
from typing import ClassVar, Literal, cast

import torch
from torch import Tensor, nn

from ood_bench.capabilities import LogProbKind, Samples
from ood_bench.data import Shape
from ood_bench.lit import DensityModule
from ood_bench_models.cached_stacks import CachedStacks
from ood_bench_models.gated_layer import GatedPixelLayer
from ood_bench_models.masked_conv import MaskedConv, groups_of, sees
from ood_bench_models.pixels import LEVELS, pixel_distribution

SMALLEST_UNIFORM = 2.0**-25


class PixelCNN(DensityModule, Samples):
    """A gated PixelCNN, with exact log-likelihoods of 8-bit images.

    P(x) is the product of P(x_i | x_1 … x_{i−1}) over rows, columns, then channels. Under the
    categorical likelihood masks keep a channel from seeing those after it; the logistic mixture
    has channels depend on each other by itself, and the network sees none of the pixel.

    A pixel is reached if it lies within layers · (kernel // 2) rows above, and as many columns
    to either side.

    Args:
        shape: Shape of one image.
        likelihood: `categorical`, a softmax over the 256 levels, or `logistic_mixture`.
        components: Logistics in the mixture; the softmax has none.
        layers: Gated layers.
        width: Features of each stack; under `categorical`, shared out among the channels.
        kernel: Side of the kernels, odd and at least 3.

    Reference:
        van den Oord et al., Conditional Image Generation with PixelCNN Decoders, NeurIPS 2016,
        arXiv:1606.05328.
    """

    log_prob_is: ClassVar[LogProbKind] = "exact"

    def __init__(
        self,
        shape: Shape,
        *,
        likelihood: Literal["categorical", "logistic_mixture"] = "categorical",
        components: int = 10,
        layers: int = 5,
        width: int = 32,
        kernel: int = 3,
    ) -> None:
        super().__init__(shape)
        if components < 1 or layers < 1 or width < 1:
            raise ValueError(
                "PixelCNN needs components >= 1, layers >= 1 and width >= 1, "
                f"got components={components}, layers={layers}, width={width}"
            )
        if kernel < 3 or kernel % 2 == 0:
            raise ValueError(f"PixelCNN needs an odd kernel of at least 3, got kernel={kernel}")
        C = shape.channels
        self.distribution = pixel_distribution(likelihood, C, components=components)
        self.groups = 1 if self.distribution.couples_channels else C
        if width < self.groups:
            raise ValueError(
                "PixelCNN with likelihood='categorical' needs a width of at least one feature a "
                f"channel, got width={width} for {C} channels"
            )
        stack = [
            GatedPixelLayer(
                width if number else C,
                width,
                kernel,
                groups=self.groups,
                first=number == 0,
                last=number == layers - 1,
            )
            for number in range(layers)
        ]
        self.layers = cast(Sequence[GatedPixelLayer], nn.ModuleList(stack))
        outputs = self.distribution.parameters
        hidden, given = groups_of(width, self.groups), groups_of(outputs, self.groups)
        self.head = nn.Sequential(
            nn.ReLU(),
            MaskedConv(sees(hidden, hidden)),
            nn.ReLU(),
            MaskedConv(sees(hidden, given), gain=0.1),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return the parameters of each pixel's distribution, given the pixels before it.

        Args:
            x: Images on the scale [−1, 1], shape `(B, C, H, W)`.
        """
        v = h = x.contiguous(memory_format=torch.channels_last)
        skips = x.new_zeros(())
        with self.autocast():
            for layer in self.layers:
                v, linked = layer.vertical(layer.rows(v))
                h, skip = layer.horizontal(layer.columns(h), linked)
                skips = skips + skip
            parameters: Tensor = self.head(skips)
        return parameters.to(x.dtype)

    def log_conditionals(self, x: Tensor) -> Tensor:
        """Return log P(x_i | x_1 … x_{i−1}) of uint8 images in nats, shape `(B, C, H, W)`."""
        self.admit(x)
        return self.distribution.log_conditionals(self.forward(self._scaled(x)), x)

    def log_prob(self, x: Tensor) -> Tensor:
        """Return log P(x) in nats, shape `(B,)`."""
        return self.log_conditionals(x).sum(dim=(1, 2, 3))

    def _scaled(self, x: Tensor) -> Tensor:
        return x.to(self.dtype) / 127.5 - 1.0

    @torch.no_grad()
    def sample(self, n: int, *, temperature: float = 1.0, seed: int = 0) -> Tensor:
        """Draw images, each level at the middle of its bin on [0, 1], shape `(n, C, H, W)`.

        The stacks are computed once a row and once a pixel, from what they were on the rows and
        columns before, which gives what a pass over the whole image would.
        """
        C, H, W = self.shape
        generator = torch.Generator().manual_seed(seed)
        uniform = torch.rand(n, C + 1, H, W, generator=generator).clamp_(min=SMALLEST_UNIFORM)
        uniform = uniform.to(self.device).to(self.dtype)
        levels = torch.zeros(n, C, H, W, dtype=torch.uint8, device=self.device)
        stacks = CachedStacks(self.layers, self._scaled(levels))
        size = C // self.groups
        for row in range(H):
            stacks.begin(row)
            for column in range(W):
                noise = uniform[:, :, row, column, None, None]
                for first in range(0, C, size):
                    parameters = self.head(stacks.at(column))
                    drawn = self.distribution.sample(parameters, noise, temperature=temperature)
                    drawn = drawn[:, first : first + size, 0, 0]
                    levels[:, first : first + size, row, column] = drawn
                    stacks.paint(column, self._scaled(levels[:, :, row, column]))
        return (levels.to(self.dtype) + 0.5) / LEVELS
