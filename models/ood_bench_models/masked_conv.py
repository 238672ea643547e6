"""Convolutions with masked weights, and their masks."""

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d


class MaskedConv(nn.Module):
    """A convolution without padding whose weights are multiplied by a mask.

    Weights start normal, with a variance of gain² over the number of inputs that an output
    sees.

    Args:
        mask: Ones and zeros, shape (outputs, inputs, height, width).
        bias: Whether to add a learned bias.
        gain: Standard deviation of the outputs at first, for inputs of unit variance.
    """

    mask: Tensor

    def __init__(self, mask: Tensor, *, bias: bool = True, gain: float = 1.0) -> None:
        super().__init__()
        seen = mask.sum(dim=(1, 2, 3), keepdim=True).clamp(min=1)
        self.weight = nn.Parameter(torch.randn(mask.shape) * mask * gain / seen.sqrt())
        self.bias = nn.Parameter(torch.zeros(len(mask))) if bias else None
        self.register_buffer("mask", mask, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return the convolution, smaller than `x` by the kernel's size less one."""
        return conv2d(x, self.weight * self.mask, self.bias)


def groups_of(channels: int, groups: int) -> Tensor:
    """Return the group of each of `channels` features: 0 … 0, 1 … 1, …, of about equal sizes.

    Example:
        >>> groups_of(8, 3).tolist()
        [0, 0, 0, 1, 1, 1, 2, 2]
    """
    return torch.arange(channels) * groups // channels


def sees(inputs: Tensor, outputs: Tensor, *, strictly: bool = False) -> Tensor:
    """Return which inputs an output sees, those of its group or below, as a mask.

    Args:
        inputs: Group of each input.
        outputs: Group of each output.
        strictly: Whether its own group is left out.

    Returns:
        Ones and zeros, shape (outputs, inputs, 1, 1).
    """
    before = inputs < outputs[:, None] if strictly else inputs <= outputs[:, None]
    return before.float()[:, :, None, None]
