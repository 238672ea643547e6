"""A model's columns, computed a batch at a time on the model's device."""

from collections.abc import Callable, Mapping
from itertools import chain

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ood_bench.detectors import Columns

VALUES_PER_BATCH = {"cpu": 2**17, "cuda": 2**22}
"""Pixels times channels of one batch, by type of device; larger ones outgrow a CPU's cache."""


def in_batches(
    images: NDArray[np.uint8], model: object, compute: Callable[[Tensor], Mapping[str, Tensor]]
) -> Columns:
    """Return what a function of uint8 batches yields for all images, as float64 columns.

    Args:
        images: uint8 images, shape `(N, C, H, W)`.
        model: The model whose device the batches go to.
        compute: Maps images `(B, C, H, W)` to named values, each `(B,)`.
    """
    device = device_of(model)
    values = VALUES_PER_BATCH.get(device.type, VALUES_PER_BATCH["cpu"])
    size = max(1, values // images[0].size)
    with torch.inference_mode():
        found = [
            compute(torch.tensor(images[start : start + size], device=device))
            for start in range(0, len(images), size)
        ]
        return {
            name: torch.cat([batch[name] for batch in found]).cpu().double().numpy()
            for name in found[0]
        }


def device_of(model: object) -> torch.device:
    """Return the device of a module's first parameter or buffer; the CPU without either."""
    if isinstance(model, nn.Module):
        for tensor in chain(model.parameters(), model.buffers()):
            return tensor.device
    return torch.device("cpu")
