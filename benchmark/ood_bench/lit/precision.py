"""Which precision a device trains in."""

from typing import Literal

import torch

from ood_bench.recipe import Recipe

Precision = Literal["float32", "bf16"]


def computes_bf16(device: torch.device) -> bool:
    """Return whether a device has bfloat16 arithmetic in hardware, not in emulation."""
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    if device.type == "cpu":
        probes = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
        return any(getattr(torch.cpu, probe, lambda: False)() for probe in probes)
    return False


def precision_for(recipe: Recipe, device: torch.device) -> Precision:
    """Return the precision of a recipe's heavy networks on a device."""
    if recipe.precision != "auto":
        return recipe.precision
    return "bf16" if computes_bf16(device) else "float32"
