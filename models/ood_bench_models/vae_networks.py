"""The two networks of a convolutional VAE: from images to the posterior, and back to pixels."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ood_bench.data import Shape
from ood_bench_models.importance import Posterior
from ood_bench_models.latent_layers import KERNEL, Residual, speak_up, strided, transposed

SMALLEST_SIDE = 4
"""A layer halves the sides that are longer than this, where nothing else is said."""
LARGEST_LOG_STD = 7.0


class Encoder(nn.Module):
    """Strided 5×5 convolutions and a last layer: from images to the posterior.

    Args:
        shape: Shape of one image.
        shapes: Shape of each convolution's output, by `feature_shapes`.
        latents: Shape of the latents: `(L,)` by a linear layer, or `(C, H, W)` with the height
            and width of the last convolution's output by a 1×1 convolution.
        blocks: Residual blocks after each convolution.
    """

    def __init__(
        self,
        shape: Shape,
        shapes: Sequence[Shape],
        latents: Sequence[int],
        *,
        blocks: int,
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for before, after in zip([shape, *shapes], shapes, strict=False):
            layer = strided(before, after)
            _initialise(layer, before.channels * KERNEL**2)
            layers += [layer, *_residuals(after.channels, blocks), nn.ReLU()]
        self.posterior: nn.Linear | nn.Conv2d
        if len(latents) == 1:
            layers.append(nn.Flatten())
            self.posterior = nn.Linear(shapes[-1].dims, 2 * latents[0])
        else:
            self.posterior = nn.Conv2d(shapes[-1].channels, 2 * latents[0], 1)
            speak_up(self.posterior, latents[0])
        self.layers = nn.Sequential(*layers)

    def forward(self, y: Tensor) -> Posterior:
        """Map images on [−1, 1] to the posterior, `(B, L)`; ln σ stays within ±7."""
        mean, raw = self.posterior(self.layers(y)).flatten(1).chunk(2, dim=1)
        return Posterior(mean, LARGEST_LOG_STD * torch.tanh(raw / LARGEST_LOG_STD))


class Decoder(nn.Module):
    """The encoder's mirror image: a first layer, transposed convolutions, and a 1×1 convolution.

    Args:
        shape: Shape of one image.
        shapes: Shape of each convolution's output in the encoder.
        latents: Shape of the latents, `(L,)` or `(C, H, W)`.
        blocks: Residual blocks after each transposed convolution.
        outputs: Numbers for each pixel.
    """

    def __init__(
        self,
        shape: Shape,
        shapes: Sequence[Shape],
        latents: Sequence[int],
        *,
        blocks: int,
        outputs: int,
    ) -> None:
        super().__init__()
        width = shapes[0].channels
        first: nn.Linear | nn.Conv2d
        if len(latents) == 1:
            first = nn.Linear(latents[0], shapes[-1].dims)
            self.features = nn.Sequential(first, nn.ReLU(), nn.Unflatten(1, shapes[-1]))
        else:
            first = nn.Conv2d(latents[0], shapes[-1].channels, 1)
            self.features = nn.Sequential(nn.Unflatten(1, tuple(latents)), first, nn.ReLU())
        _initialise(first, latents[0])
        layers: list[nn.Module] = []
        larger = [Shape(width, shape.height, shape.width), *shapes]
        for after, before in reversed(list(zip(larger, shapes, strict=False))):
            layer = transposed(before, after)
            _initialise(layer, before.channels * KERNEL**2 / math.prod(layer.stride))
            layers += [layer, *_residuals(after.channels, blocks), nn.ReLU()]
        self.layers = nn.Sequential(*layers)
        self.pixels = nn.Conv2d(width, outputs, 1)
        # With one channel the 256 levels then lie side by side: training with a softmax takes
        # three quarters of the time, with the others as long. With three channels some take longer.
        self.format = torch.channels_last if shape.channels == 1 else torch.contiguous_format

    def forward(self, z: Tensor) -> Tensor:
        """Map latents `(B, L)` to the parameters `(B, outputs, H, W)` of the pixels."""
        h: Tensor = self.features(z)
        parameters: Tensor = self.pixels(self.layers(h.contiguous(memory_format=self.format)))
        return parameters


def feature_shapes(
    shape: Shape, channels: Sequence[int], smallest: int = SMALLEST_SIDE
) -> list[Shape]:
    """Return the shape of each layer's output: sides above `smallest` pixels halved, rounded up.

    Example:
        >>> [str(s) for s in feature_shapes(Shape(1, 28, 28), (8, 16, 32, 64, 64))]
        ['8×14×14', '16×7×7', '32×4×4', '64×4×4', '64×4×4']
    """
    shapes = []
    for width in channels:
        sides = (shape.height, shape.width)
        shape = Shape(width, *(-(-side // 2) if side > smallest else side for side in sides))
        shapes.append(shape)
    return shapes


def _residuals(channels: int, blocks: int) -> list[Residual]:
    return [Residual(channels) for _ in range(blocks)]


def _initialise(layer: nn.Linear | nn.Conv2d | nn.ConvTranspose2d, inputs: float) -> None:
    """Draw weights that keep the mean square of what passes through the layer and a ReLU."""
    nn.init.normal_(layer.weight, std=(2.0 / inputs) ** 0.5)
    assert layer.bias is not None
    nn.init.zeros_(layer.bias)
