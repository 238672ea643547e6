"""Networks of coupling layers, from half of the channels to shift and scale."""

from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d

LOG_SCALE_FACTOR = 3.0
"""Learned log-scales move this much faster than other parameters (Kingma & Dhariwal)."""


class CouplingNetwork(Protocol):
    """Any map of images to images of the same height and width."""

    def __call__(self, x: Tensor) -> Tensor:
        """Return the network's output."""
        ...

    def prepare(self, x: Tensor) -> None:
        """Initialise parameters from data."""
        ...


class ScaledConv(nn.Module):
    """A convolution, followed by one learned scale and bias per channel, folded into its weights.

    `normal` initialises weights for `prepare`, which normalises the output as actnorm does;
    `zeros` makes the output zero, so that what depends on it starts as the identity.

    Args:
        inputs: Input channels.
        outputs: Output channels.
        kernel: Height and width of the kernel, odd.
        zeros: Whether to start at zero.
    """

    def __init__(self, inputs: int, outputs: int, *, kernel: int, zeros: bool = False) -> None:
        super().__init__()
        weight = torch.zeros(outputs, inputs, kernel, kernel)
        if not zeros:
            weight.normal_(std=0.05)
        self.weight = nn.Parameter(weight)
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.log_scale = nn.Parameter(torch.zeros(outputs))

    def forward(self, x: Tensor) -> Tensor:
        """Return (w ∗ x + b) · exp(3 l), as one convolution."""
        scale = (LOG_SCALE_FACTOR * self.log_scale).exp()
        weight = self.weight * scale[:, None, None, None]
        return conv2d(x, weight, self.bias * scale, padding="same")

    def prepare(self, x: Tensor) -> None:
        """Give each channel of the output zero mean and unit variance on `x`."""
        y = conv2d(x, self.weight, padding="same")
        std, mean = torch.std_mean(y, dim=(0, 2, 3))
        self.bias.data = -mean
        self.log_scale.data = -(std + 1e-6).log() / LOG_SCALE_FACTOR


class ConvolutionalNetwork(nn.Module):
    """Three convolutions, 3×3, 1×1 and 3×3, the last zero at first.

    Reference:
        Kingma & Dhariwal, Glow: Generative Flow with Invertible 1×1 Convolutions, 2018,
        arXiv:1807.03039.
    """

    def __init__(self, inputs: int, outputs: int, width: int) -> None:
        super().__init__()
        self.first = ScaledConv(inputs, width, kernel=3)
        self.middle = ScaledConv(width, width, kernel=1)
        self.last = ScaledConv(width, outputs, kernel=3, zeros=True)

    def forward(self, x: Tensor) -> Tensor:
        """Return the output of the three layers."""
        h = self.first(x).relu_()
        h = self.middle(h).relu_()
        y: Tensor = self.last(h)
        return y

    def prepare(self, x: Tensor) -> None:
        """Initialise the two hidden actnorms."""
        self.first.prepare(x)
        self.middle.prepare(self.first(x).relu_())


class GatedLayer(nn.Module):
    """h ← h + t · (relu(c) − h), with c and t = sigmoid(·) from one 1×1 convolution of h.

    t starts near 0.12, so that h is carried through.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(2 * width, width, 1, 1))
        self.bias = nn.Parameter(torch.cat([torch.zeros(width), torch.full((width,), -2.0)]))
        nn.init.kaiming_normal_(self.weight)

    def forward(self, h: Tensor) -> Tensor:
        """Return the gated mean of h and its transform."""
        candidate, gate = conv2d(h, self.weight, self.bias).chunk(2, dim=1)
        return torch.lerp(h, candidate.relu(), gate.sigmoid())


class HighwayNetwork(nn.Module):
    """A 3×3 convolution, two gated layers, and a 3×3 convolution that is zero at first.

    Reference:
        Srivastava et al., Highway Networks, 2015, arXiv:1505.00387.
    """

    def __init__(self, inputs: int, outputs: int, width: int) -> None:
        super().__init__()
        self.first = ScaledConv(inputs, width, kernel=3)
        self.gated = nn.Sequential(GatedLayer(width), GatedLayer(width))
        self.last = ScaledConv(width, outputs, kernel=3, zeros=True)

    def forward(self, x: Tensor) -> Tensor:
        """Return the output of all layers."""
        y: Tensor = self.last(self.gated(self.first(x).relu_()))
        return y

    def prepare(self, x: Tensor) -> None:
        """Initialise the actnorm of the first layer."""
        self.first.prepare(x)
