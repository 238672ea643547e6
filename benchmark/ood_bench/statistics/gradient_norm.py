"""Norm of the gradient of each image's log-likelihood in each layer's parameters."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ood_bench.capabilities import DensityModel, named
from ood_bench.detectors import Columns
from ood_bench.statistics import Statistic
from ood_bench.statistics.batches import in_batches
from ood_bench.statistics.parameter_gradients import differentiable, gradients_one_by_one
from ood_bench.statistics.per_image_gradients import UnruledError, gradients_at_once, layer_values

FAMILY = "gradient_norm"
ROOT = "model"
"""Name of the layer of parameters that the model itself owns."""
GRADIENT_VALUES = 2**24
"""Maximum values of per-image gradients held at a time, 64 MiB."""
LAYER_VALUES = {"cpu": 2**23, "cuda": 2**28}
"""Maximum outputs of all layers per pass, by device type: on a CPU those of 64 images 1×28×28 of a
small Glow, or 8 of a PixelCNN. More outgrow its cache."""
TOLERANCE = 1e-3
"""Largest relative difference between the two ways to compute a norm, in float32."""


class GradientNorm(Statistic):
    """Squared norm of the gradient of log P(x) in the parameters of each layer.

    A layer is a module that owns parameters; its column is named by its dotted path. The columns
    sum to the squared norm of the gradient in all parameters.

    One pass serves many images. For the first and the last image of the first pass, its norms are
    compared with those of a single-image pass. A model for which they differ, or with operations
    for which `per_image_gradients` has no rule, takes one pass per image.

    Reference:
        Dauncey et al., Approximations to the Fisher Information Metric of Deep Generative Models
        for Out-Of-Distribution Detection, 2024, arXiv:2403.01485.
    """

    columns = (f"{FAMILY}.*",)
    requires = DensityModel

    def compute(self, images: NDArray[np.uint8], model: object) -> Columns:
        """Return a column for each layer.

        Raises:
            ValueError: If the model is not a module with parameters.
        """
        density: DensityModel = named(model, DensityModel)
        log_prob = density.log_prob
        if not isinstance(model, nn.Module) or not any(True for _ in model.parameters()):
            raise ValueError(f"{type(model).__name__} is no torch module with parameters")
        layers = layers_of(model)
        with differentiable(model) as parameters:
            at_most = GRADIENT_VALUES // sum(parameter.numel() for parameter in parameters) + 1
            norms: Callable[[Tensor], Tensor] | None = None

            def compute(x: Tensor) -> dict[str, Tensor]:
                nonlocal norms
                norms = norms or fastest(log_prob, parameters, x)
                squares = norms(x)
                return {
                    f"{FAMILY}.{name}": squares[:, chosen].sum(dim=1)
                    for name, chosen in layers.items()
                }

            return in_batches(images, model, compute, gradients=True, at_most=at_most)


def layers_of(model: nn.Module) -> dict[str, list[int]]:
    """Return the names of layers, with the indices of their parameters among the model's.

    Example:
        >>> layers_of(nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1, bias=False)))
        {'0': [0, 1], '2': [2]}
    """
    layers: dict[str, list[int]] = {}
    for number, (name, _) in enumerate(model.named_parameters()):
        layers.setdefault(name.rpartition(".")[0] or ROOT, []).append(number)
    return layers


def fastest(
    log_prob: Callable[[Tensor], Tensor], parameters: Sequence[nn.Parameter], x: Tensor
) -> Callable[[Tensor], Tensor]:
    """Return the fastest exact function for the norms, from images to `(B, parameters)`.

    Args:
        log_prob: Log-likelihoods `(B,)` of images `(B, C, H, W)`.
        parameters: The model's parameters; all require gradients.
        x: Images like those to be processed.
    """

    def at_once(x: Tensor) -> Tensor:
        return _squares(gradients_at_once(log_prob, parameters, x))

    def one_by_one(x: Tensor) -> Tensor:
        images = (x[number : number + 1] for number in range(len(x)))
        return torch.cat(
            [_squares(gradients_one_by_one(log_prob, parameters, image)) for image in images]
        )

    try:
        values = layer_values(log_prob, x[:1])
        size = max(2, LAYER_VALUES.get(x.device.type, LAYER_VALUES["cpu"]) // max(1, values))
        first = x[:size]
        found = at_once(first)[:: max(1, len(first) - 1)]
    except UnruledError:
        return one_by_one
    ends = first[:: max(1, len(first) - 1)]
    expected = one_by_one(ends)
    floor = TOLERANCE * expected.sum(dim=1, keepdim=True) / len(parameters)
    close = (found - expected).abs() <= TOLERANCE * expected + 1e-3 * floor
    if not bool(close.all()):
        return one_by_one
    return lambda x: torch.cat([at_once(x[i : i + size]) for i in range(0, len(x), size)])


def _squares(gradients: Sequence[Tensor]) -> Tensor:
    """Return the squared norm of each image's gradient in each parameter."""
    norms = [torch.linalg.vector_norm(gradient.flatten(1), dim=1) for gradient in gradients]
    return torch.stack(norms, dim=1).square()
