"""Weights in half precision, where they give the same bits per dimension."""

from collections.abc import Callable, Iterator, Mapping
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
SHARES = (8, 4, 2)
"""If more must be kept than what is small: an eighth of the large tensors, a quarter, half."""
FEW_IMAGES = 50
"""Images by which the large tensors are compared for that."""
TOLERANCE = 1e-3
"""Bits per dimension that rounded weights may change the log_prob of an image by."""

Change = Callable[["Mapping[str, Tensor]", int], float]
"""Weights and a number of images to the largest change of one, in bits per dimension."""


def half_precision(model: TrainedModel, pixels: NDArray[np.uint8]) -> dict[str, "Tensor"]:
    """Return a model's weights with large tensors rounded to float16.

    Kept are tensors of at most 1,024 values, or of at most 4,096 or 16,384 if that is needed; if
    that is not enough, those whose own rounding changes images most; and what is not
    floating-point.

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

    def change(weights: "Mapping[str, Tensor]", count: int) -> float:
        module.load_state_dict(weights)
        after = computed_columns(module, some[:count], ("log_prob",), registry)["log_prob"]
        found = np.abs(bits_per_dim(after - before[:count], some[0].size))
        return float(found.max()) if np.isfinite(found).all() else np.inf

    least = np.inf
    for weights in _attempts(exact, change):
        largest = change(weights, MOST_IMAGES)
        if largest <= TOLERANCE:
            return weights
        least = min(least, largest)
    raise OodBenchError(
        f"{model.name}: float16 weights change an image by {least:.2g} bits per dimension, "
        f"and {TOLERANCE:g} is the most that is allowed; leave --float16 out"
    )


def _attempts(exact: "Mapping[str, Tensor]", change: Change) -> "Iterator[dict[str, Tensor]]":
    """Yield rounded weights, each with more tensors kept than the ones before."""
    floating = [name for name, value in exact.items() if value.is_floating_point()]
    for small in SMALL:
        yield _rounded(exact, [name for name in floating if exact[name].numel() > small])
    large = [name for name in floating if exact[name].numel() > SMALL[0]]
    alone = {name: change(_rounded(exact, [name]), FEW_IMAGES) for name in large}
    large.sort(key=lambda name: alone[name])
    for share in SHARES:
        yield _rounded(exact, large[: len(large) - len(large) // share])


def _rounded(exact: "Mapping[str, Tensor]", names: list[str]) -> "dict[str, Tensor]":
    """Return all weights, those of some names rounded."""
    halved = {name: exact[name].half() for name in names}
    return {**exact, **halved}
