"""A U-Net that is told a noise level: residual blocks on several scales, then attention."""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, silu

from ood_bench.data import Shape

FREQUENCIES = 16
"""Sines, and as many cosines, that a noise level is embedded by."""
MOST_GROUPS = 8


def check_scales(model: str, shape: Shape, channels: Sequence[int]) -> None:
    """Raise a `ValueError` unless the sides of images can be halved from scale to scale."""
    halved = 2 ** (len(channels) - 1)
    if shape.height % halved or shape.width % halved:
        raise ValueError(
            f"{model} on {len(channels)} scales needs a height and width divisible by {halved}, "
            f"got images of {shape}"
        )


class UNet(nn.Module):
    """Residual blocks down the scales and up again, with a connection across on each.

    The output starts at zero.

    Args:
        inputs: Channels of the input.
        outputs: Channels of the output.
        channels: Channels on each scale; each scale has half the height and width of the last.
        blocks: Residual blocks on each scale, down and up.
    """

    def __init__(self, inputs: int, outputs: int, *, channels: Sequence[int], blocks: int) -> None:
        super().__init__()
        hints = 4 * channels[0]
        self.embed = nn.Sequential(
            nn.Linear(2 * FREQUENCIES, hints), nn.SiLU(), nn.Linear(hints, hints), nn.SiLU()
        )
        self.enter = nn.Conv2d(inputs, channels[0], 3, padding=1)
        crossing = [channels[0]]
        down: list[nn.Module] = []
        width = channels[0]
        for scale, wanted in enumerate(channels):
            if scale:
                down.append(nn.Conv2d(width, width, 3, stride=2, padding=1))
                crossing.append(width)
            for _ in range(blocks):
                down.append(ResidualBlock(width, wanted, hints))
                crossing.append(width := wanted)
        self.down = nn.ModuleList(down)
        middle = [ResidualBlock(width, width, hints), Attention(width)]
        self.middle = nn.ModuleList([*middle, ResidualBlock(width, width, hints)])
        up: list[nn.Module] = []
        for wanted, above in pairwise([*reversed(channels), 0]):
            for _ in range(blocks + 1):
                up.append(ResidualBlock(width + crossing.pop(), wanted, hints))
                width = wanted
            if above:
                up.append(nn.Conv2d(width, width, 3, padding=1))
        self.up = nn.ModuleList(up)
        self.norm = group_norm(width)
        self.leave = nn.Conv2d(width, outputs, 3, padding=1)
        nn.init.zeros_(self.leave.weight)
        nn.init.zeros_(cast(Tensor, self.leave.bias))

    def forward(self, x: Tensor, level: Tensor) -> Tensor:
        """Map images `(B, inputs, H, W)`, each with its noise level on [0, 1], `(B,)`."""
        hint = self.embed(_sines(level))
        x = self.enter(x)
        across = [x]
        for layer in self.down:
            x = _apply(layer, x, hint)
            across.append(x)
        for layer in self.middle:
            x = _apply(layer, x, hint)
        for layer in self.up:
            if isinstance(layer, ResidualBlock):
                x = layer(torch.cat([x, across.pop()], dim=1), hint)
            else:
                x = layer(interpolate(x, scale_factor=2.0))
        output: Tensor = self.leave(silu(self.norm(x)))
        return output


class ResidualBlock(nn.Module):
    """Two convolutions, between them a scale and a shift for the noise level, added to the input.

    Args:
        inputs: Channels of the input.
        outputs: Channels of the output.
        hints: Numbers that the noise level is embedded in.
    """

    def __init__(self, inputs: int, outputs: int, hints: int) -> None:
        super().__init__()
        self.first_norm = group_norm(inputs)
        self.first = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.hint = nn.Linear(hints, 2 * outputs)
        self.second_norm = group_norm(outputs)
        self.second = nn.Conv2d(outputs, outputs, 3, padding=1)
        self.bypass = nn.Conv2d(inputs, outputs, 1) if inputs != outputs else nn.Identity()

    def forward(self, x: Tensor, hint: Tensor) -> Tensor:
        """Map features `(B, inputs, H, W)` with the embedded noise level `(B, hints)`."""
        scale, shift = self.hint(hint)[:, :, None, None].chunk(2, dim=1)
        inner = self.first(silu(self.first_norm(x)))
        inner = self.second_norm(inner) * (1.0 + scale) + shift
        output: Tensor = self.bypass(x) + self.second(silu(inner))
        return output


class Attention(nn.Module):
    """Attention of every place to every other with one head, added to the input.

    Args:
        channels: Channels of the features.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = group_norm(channels)
        self.qkv = nn.Conv2d(channels, 3 * channels, 1)
        self.mix = nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Map features `(B, C, H, W)`."""
        query, key, value = self.qkv(self.norm(x)).flatten(2).mT.chunk(3, dim=2)
        weights = (query @ key.mT / math.sqrt(x.shape[1])).softmax(dim=2)
        output: Tensor = x + self.mix((weights @ value).mT.reshape(x.shape))
        return output


def group_norm(channels: int) -> nn.GroupNorm:
    """Return a group norm with the most groups, up to eight, that the channels divide into."""
    groups = next(count for count in range(MOST_GROUPS, 0, -1) if channels % count == 0)
    return nn.GroupNorm(groups, channels)


def _apply(layer: nn.Module, x: Tensor, hint: Tensor) -> Tensor:
    output: Tensor = layer(x, hint) if isinstance(layer, ResidualBlock) else layer(x)
    return output


def _sines(level: Tensor) -> Tensor:
    """Return sines and cosines of a number on [0, 1], `(B, 2 · FREQUENCIES)`."""
    rates = torch.logspace(0, 3, FREQUENCIES, dtype=level.dtype, device=level.device)
    angles = level[:, None] * rates
    return torch.cat([angles.sin(), angles.cos()], dim=1)
