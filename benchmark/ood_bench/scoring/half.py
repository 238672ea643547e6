"""Weights in half precision, where they give the same bits per dimension."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ood_bench.errors import OodBenchError
from ood_bench.registry import Registry
from ood_bench.scoring.judge import computed_columns
from ood_bench.scoring.trained import TrainedModel
from ood_bench.units import bits_per_dim

if TYPE_CHECKING:
    from torch import Tensor

MOST_IMAGES = 500
"""Images that are scored by both."""
SMALL = (2**10, 2**12, 2**14)
"""Values of a tensor up to which it is kept, the first that suffices. Scales, shifts, the square
matrices of flows and output layers are small, and their rounding has the largest effect."""
TOLERANCE = 1e-3
"""Bits per dimension that rounded weights may change the log_prob of an image by."""


def half_precision(model: TrainedModel, pixels: NDArray[np.uint8]) -> dict[str, "Tensor"]:
    """Return a model's weights with large tensors rounded to float16.

    Kept are tensors of at most 1,024 values, or of at most 4,096 or 16,384 if that is needed, and
    what is not floating-point.

    Args:
        model: The model.
        pixels: uint8 images `(N, C, H, W)` to compare on, at most the first 500.

    Raises:
        OodBenchError: If an image's log_prob changes by more than 0.001 bits per dimension.
    """
    import torch

    from ood_bench.lit.stored import load_stored

    exact = load_stored(model.weights)
    some, registry = pixels[:MOST_IMAGES], Registry(model.base, trust=model.trust)
    module = model.load("cpu")
    if not isinstance(module, torch.nn.Module):
        raise OodBenchError(f"{model.name}: it is no module, so its weights are not rounded")
    before = computed_columns(module, some, ("log_prob",), registry)["log_prob"]
    largest = np.inf
    for small in SMALL:
        weights = {
            name: value.half() if value.numel() > small and value.is_floating_point() else value
            for name, value in exact.items()
        }
        module.load_state_dict(weights)
        after = computed_columns(module, some, ("log_prob",), registry)["log_prob"]
        change = np.abs(bits_per_dim(after - before, some[0].size))
        largest = float(change.max()) if np.isfinite(change).all() else np.inf
        if largest <= TOLERANCE:
            return weights
    raise OodBenchError(
        f"{model.name}: float16 weights change an image by {largest:.2g} bits per dimension, "
        f"and {TOLERANCE:g} is the most that is allowed; leave --float16 out"
    )
