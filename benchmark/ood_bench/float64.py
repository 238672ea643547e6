"""Float64 on every device: on the CPU for devices that have none."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch
    from torch import Tensor

__all__ = [
    "in_float64",
    "where_float64_is",
]

LACKING = {"mps"}
"""Types of device without float64."""


def where_float64_is(device: "torch.device | str") -> "torch.device":
    """Return a device, or the CPU in place of one without float64.

    Example:
        >>> where_float64_is("cuda:1"), where_float64_is("mps")
        (device(type='cuda', index=1), device(type='cpu'))
    """
    import torch

    found = torch.device(device)
    return torch.device("cpu") if found.type in LACKING else found


def in_float64(x: "Tensor") -> "Tensor":
    """Return a tensor in float64: on its device, or on the CPU for a device without float64."""
    return (x.cpu() if x.device.type in LACKING else x).double()
