"""Channels, size and scale of the images that a network takes."""

import math
from typing import Literal, TypeAlias

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from ood_bench.data import Shape

Interpolation: TypeAlias = Literal["bilinear", "bicubic"]


class ImageInput(nn.Module):
    """Channels, size and scale of images for a network: x ↦ (resized(x) − mean) / std.

    Images are resized whole, without a crop, and with antialiasing where they shrink. Nothing here
    is trained or kept in the weights, and an image is changed in the same way in any batch.

    Args:
        shape: Shape of one image of the data.
        channels: Channels that the network takes: the data's, the default, or any number for gray
            images, which are repeated.
        size: Height and width that the network takes, one number for both; default: the data's.
        interpolation: How images are resized; bicubic values are clipped to [0, 1].
        mean: Subtracted from images on [0, 1]: one number, or one for each channel.
        std: Divides them then, likewise.

    Raises:
        ValueError: If the network would take other channels than the data can give, or a mean or a
            standard deviation is not of images on [0, 1].
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        shape: Shape,
        *,
        channels: int | None = None,
        size: int | tuple[int, int] | None = None,
        interpolation: Interpolation = "bilinear",
        mean: float | tuple[float, ...] = 0.0,
        std: float | tuple[float, ...] = 1.0,
    ) -> None:
        super().__init__()
        self.channels = shape.channels if channels is None else channels
        if self.channels != shape.channels and (shape.channels != 1 or self.channels < 1):
            raise ValueError(
                f"channels is {channels}, and images of {shape} have {shape.channels}; only gray "
                "images are repeated"
            )
        own = (shape.height, shape.width)
        self.size = own if size is None else (size, size) if isinstance(size, int) else size
        if min(self.size) < 1:
            raise ValueError(f"size must be positive, got {size}")
        self.resizes = self.size != own
        self.interpolation = interpolation
        means, deviations = self._per_channel("mean", mean), self._per_channel("std", std)
        if not all(0 <= value <= 1 for value in means):
            raise ValueError(
                f"mean is of images on [0, 1], got {mean}; divide a mean of values up to 255 by 255"
            )
        if not all(value > 0 and math.isfinite(value) for value in deviations):
            raise ValueError(f"std must be positive, got {std}")
        for name, values in (("mean", means), ("std", deviations)):
            self.register_buffer(name, torch.tensor(values).view(-1, 1, 1), persistent=False)

    def forward(self, y: Tensor) -> Tensor:
        """Map images on [0, 1], `(B, C, H, W)`, to `(B, channels, height, width)`."""
        if self.resizes:
            y = interpolate(
                y, size=self.size, mode=self.interpolation, align_corners=False, antialias=True
            )
            if self.interpolation == "bicubic":
                y = y.clamp(0.0, 1.0)
        if y.shape[1] != self.channels:
            y = y.expand(-1, self.channels, -1, -1)
        scaled: Tensor = (y - self.mean) / self.std
        return scaled

    def _per_channel(self, name: str, value: float | tuple[float, ...]) -> tuple[float, ...]:
        values = value if isinstance(value, tuple) else (value,)
        if len(values) not in (1, self.channels):
            raise ValueError(
                f"{name} has {len(values)} numbers, and the network takes {self.channels} channels"
            )
        return values
