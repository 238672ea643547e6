"""Layers of networks around latents: strided convolutions, residual blocks, a posterior's start."""

import torch
from torch import Tensor, nn
from torch.nn.functional import silu

from ood_bench.data import Shape

KERNEL = 5
MEAN_GAIN = 10.0
"""Factor on PyTorch's initial weights of the posterior's mean."""
RESIDUAL_GAIN = 0.3
"""Factor on the initial weights of the second convolution of a residual block."""


class Residual(nn.Module):
    """h plus two 3×3 convolutions of it, which add little at first.

    Args:
        channels: Of h.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)
        with torch.no_grad():
            self.second.weight.mul_(RESIDUAL_GAIN)

    def forward(self, h: Tensor) -> Tensor:
        """Return h + f(h), of the shape of h."""
        change: Tensor = self.second(silu(self.first(silu(h))))
        return h + change


def speak_up(head: nn.Linear | nn.Conv2d, latent: int) -> None:
    """Initialise latents to be informative from the first step: a wide mean, and σ at 1.

    With PyTorch's default weights u is almost pure noise at first, and the path learns to ignore
    it: after 300 steps on FashionMNIST the middle of three levels had a KL of 1.2 nats, with this
    initialisation 5.9.
    """
    with torch.no_grad():
        head.weight[:latent] *= MEAN_GAIN
        head.weight[latent:] = 0.0
        assert head.bias is not None
        head.bias.zero_()


def strided(before: Shape, after: Shape) -> nn.Conv2d:
    """Return a convolution that halves, rounded up, the sides that are to be shorter."""
    stride = (1 + (after.height < before.height), 1 + (after.width < before.width))
    return nn.Conv2d(before.channels, after.channels, KERNEL, stride, padding=KERNEL // 2)


def transposed(before: Shape, after: Shape) -> nn.ConvTranspose2d:
    """Return the transposed convolution that undoes the strides of `strided`."""
    stride = (1 + (before.height < after.height), 1 + (before.width < after.width))
    extra = (
        after.height - (before.height - 1) * stride[0] - 1,
        after.width - (before.width - 1) * stride[1] - 1,
    )
    return nn.ConvTranspose2d(
        before.channels,
        after.channels,
        KERNEL,
        stride,
        padding=KERNEL // 2,
        output_padding=extra,
    )
