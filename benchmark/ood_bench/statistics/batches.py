"""Compute a model's columns in batches on the model's device."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import chain

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ood_bench.detectors import Columns

VALUES_PER_BATCH = {"cpu": 2**17, "cuda": 2**22}
"""Values (pixels times channels) per batch, by device type; more outgrow a CPU's cache."""


def in_batches(
    images: NDArray[np.uint8],
    model: object,
    compute: Callable[[Tensor], Mapping[str, Tensor]],
    *,
    gradients: bool = False,
    at_most: int | None = None,
) -> Columns:
    """Apply a function of uint8 batches to all images and return float64 columns.

    Args:
        images: uint8 images, shape `(N, C, H, W)`.
        model: The model whose device the batches go to.
        compute: Maps images `(B, C, H, W)` to named values, each `(B,)`.
        gradients: Whether the function differentiates; it must then detach its results.
        at_most: Maximum images per batch, for functions that need more memory per image.
    """
    device = device_of(model)
    values = VALUES_PER_BATCH.get(device.type, VALUES_PER_BATCH["cpu"])
    size = max(1, min(values // images[0].size, at_most or len(images)))
    with torch.inference_mode(not gradients), torch.set_grad_enabled(gradients):
        found = [
            compute(torch.tensor(images[start : start + size], device=device))
            for start in range(0, len(images), size)
        ]
        return {
            name: torch.cat([batch[name] for batch in found]).cpu().double().numpy()
            for name in found[0]
        }


@contextmanager
def frozen(model: object) -> Iterator[None]:
    """Disable gradients of a module's parameters within the context."""
    parameters = list(model.parameters()) if isinstance(model, nn.Module) else []
    required = [parameter for parameter in parameters if parameter.requires_grad]
    try:
        for parameter in required:
            parameter.requires_grad = False
        yield
    finally:
        for parameter in required:
            parameter.requires_grad = True


def device_of(model: object) -> torch.device:
    """Return the device of a module's first parameter or buffer; the CPU without either."""
    if isinstance(model, nn.Module):
        for tensor in chain(model.parameters(), model.buffers()):
            return tensor.device
    return torch.device("cpu")


def float_like(model: object, x: Tensor) -> Tensor:
    """Return images in the floating-point type of a module's parameters; default: float32."""
    parameters = model.parameters() if isinstance(model, nn.Module) else iter(())
    first = next(parameters, None)
    return x.to(torch.float32 if first is None else first.dtype)
