"""Models that begin from the mean and standard deviation of each channel of the images."""

import torch
from torch import Tensor

from ood_bench.data import Shape
from ood_bench.lit import DensityModule


class ChannelMoments(DensityModule):
    """A model of images on [−1, 1] whose first guess is a Gaussian for each channel.

    Attributes:
        mean: Mean of each channel over the training images and their pixels, `(C, 1, 1)`.
        std: The standard deviation, at least a gray level's half step.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, shape: Shape) -> None:
        super().__init__(shape)
        self.register_buffer("mean", torch.zeros(shape.channels, 1, 1))
        self.register_buffer("std", torch.ones(shape.channels, 1, 1))

    def prepare(self, y: Tensor) -> None:
        """Set the mean and standard deviation of each channel."""
        x = (2.0 * y - 1.0).transpose(0, 1).flatten(1)
        self.mean.copy_(x.mean(dim=1)[:, None, None])
        self.std.copy_(x.std(dim=1).clamp_(min=1.0 / 256.0)[:, None, None])
