"""Sanity checks of trained densities: valid probabilities, and better than a trivial model."""

import math
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ood_bench.errors import CellError
from ood_bench.lit.module import DensityModule
from ood_bench.units import bits_per_dim

NOISE_IMAGES = 256
ERRORS = 5.0
"""Tolerance below 8 bits on noise, in standard errors of the mean over noise images."""
ROUNDING = 1e-3


class Sanity(NamedTuple):
    """Reference values of a trained density, in bits per dimension.

    Attributes:
        bpd_noise: Mean over uniformly random images; 8 or more under any distribution.
        bpd_histogram: Of the validation images under one histogram per channel of the training
            images, a trivial model.
    """

    bpd_noise: float
    bpd_histogram: float


def judged(model: DensityModule, train: NDArray[np.uint8], validation: NDArray[np.uint8]) -> Sanity:
    """Return the reference values of a trained density; reject one that is not normalised.

    Args:
        model: The density in evaluation.
        train: Its training images, uint8 `(N, C, H, W)`.
        validation: Its validation images, likewise.

    Raises:
        CellError: If uniformly random images have less than 8 bits per dimension on average, by
            more than five standard errors of that mean: their entropy is 8, and no distribution
            codes images in less than their entropy.
    """
    mean, error = bits_of_noise(model)
    if mean + ERRORS * error + ROUNDING < 8:
        raise CellError(
            f"{type(model).__name__} gives uniformly random images {mean:.3f} bits per dimension; "
            "no distribution has less than 8 on them, so its log_prob is wrong: see `ood-bench "
            "models check`"
        )
    return Sanity(mean, histogram_bits(train, validation))


def bits_of_noise(model: DensityModule, n: int = NOISE_IMAGES) -> tuple[float, float]:
    """Return mean bits per dimension of uniformly random images, and its standard error.

    The images are the same for all models of a shape.
    """
    generator = torch.Generator().manual_seed(0)
    x = torch.randint(256, (n, *model.shape), dtype=torch.uint8, generator=generator)
    return mean_bits(model, x)


@torch.no_grad()
def mean_bits(model: DensityModule, x: Tensor) -> tuple[float, float]:
    """Return mean bits per dimension of uint8 images `(N, C, H, W)`, and its standard error."""
    parts = [model.log_prob(part.to(model.device)).cpu().double() for part in torch.split(x, 64)]
    bits = bits_per_dim(torch.cat(parts), model.shape.dims)
    return float(bits.mean()), float(bits.std()) / math.sqrt(len(x))


def histogram_bits(train: NDArray[np.uint8], validation: NDArray[np.uint8]) -> float:
    """Return bits per dimension of images under one histogram per channel of training images.

    Add-one smoothing gives every level a positive probability.

    Args:
        train: Images of the histograms, uint8 `(N, C, H, W)`.
        validation: Images to score, likewise.

    Example:
        >>> black = np.zeros((1000, 1, 16, 16), np.uint8)
        >>> round(histogram_bits(black, black), 3)
        0.001
    """
    total = 0.0
    for channel in range(train.shape[1]):
        counts = np.bincount(train[:, channel].ravel(), minlength=256) + 1.0
        coded = np.bincount(validation[:, channel].ravel(), minlength=256)
        total -= float(coded @ np.log2(counts / counts.sum()))
    return total / validation.size
