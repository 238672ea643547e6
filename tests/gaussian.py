"""Images of independent normal pixels, of which the likelihood is known."""

import math

import torch
from torch import Tensor
from torch.distributions import Normal

from ood_bench.data import Shape
from ood_bench_models.diffusion_bound import DiffusionBound


def normal_images(shape: Shape, n: int, seed: int = 0) -> Tensor:
    """Return images of independent normal pixels, rounded to levels."""
    noise = torch.randn(n, *shape, generator=torch.Generator().manual_seed(seed))
    return (110.0 + 30.0 * noise).round().clamp(0, 255).to(torch.uint8)


def bits_lost(model: DiffusionBound, x: Tensor) -> Tensor:
    """Return how far the mean bound of images is below the log P(x) of normal pixels, bits/dim."""
    edges = torch.stack([x - 0.5, x + 0.5]).double() / 127.5 - 1
    below, above = Normal(model.mean, model.std).cdf(edges)
    exact = (above - below).log().sum(dim=(1, 2, 3))
    return (exact - model.log_prob(x)).mean() / model.shape.dims / math.log(2)
