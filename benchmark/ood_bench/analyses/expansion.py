"""The second-order expansion of a log-density around one image, over sets of images."""

import copy
import math
from collections.abc import Mapping
from functools import cached_property
from typing import NamedTuple, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ood_bench.capabilities import Differentiable
from ood_bench.detectors import Scores
from ood_bench.float64 import where_float64_is
from ood_bench.metrics.measure import Measure, normal_quantile
from ood_bench.statistics.batches import device_of

Floats = NDArray[np.float64]

BATCH = 16
"""Copies of the centre per pass; a double backward pass keeps all intermediate values."""

SHARES = tuple(2.0**-k for k in range(7))
"""Shares of the way from the centre to an image at which the expansion is tried."""

TRIED = 32
"""Maximum number of images on which the expansion is tried."""

STEP = 0.25
"""Share of an image's distance from its set's mean over which second differences are taken."""

TOLERANCE = 0.1
"""Maximum error, as a share of the true change, at which the expansion counts as valid."""


class PixelMoments(NamedTuple):
    """Mean and variance of each pixel over a set of images on [0, 1], each `(C, H, W)`."""

    mean: Floats
    variance: Floats


def on_unit_scale(images: NDArray[np.uint8]) -> Floats:
    """Return (x + 1/2) / 256, the mean of the dequantized 8-bit image.

    The noise around it would add 1 / (12 · 256²) to every variance, the same for all sets.
    """
    return (images.astype(np.float64) + 0.5) / 256.0


def pixel_moments(images: NDArray[np.uint8]) -> PixelMoments:
    """Return the moments of uint8 images `(N, C, H, W)`, summed exactly in integers."""
    mean = images.sum(axis=0, dtype=np.int64) / len(images)
    square = np.square(images, dtype=np.uint16).sum(axis=0, dtype=np.int64) / len(images)
    return PixelMoments((mean + 0.5) / 256.0, np.maximum(square - mean**2, 0.0) / 256.0**2)


class Expansion:
    """The first and second derivatives of a model's log-density at one image, in float64.

    A module is copied, so that the given model is not changed.

    Args:
        model: The model.
        centre: Image on [0, 1], shape `(C, H, W)`.
    """

    def __init__(self, model: Differentiable, centre: Floats) -> None:
        self.device = where_float64_is(device_of(model))
        if isinstance(model, nn.Module):
            copied = copy.deepcopy(model).to(self.device, torch.float64).requires_grad_(False)
            model = cast(Differentiable, copied)
        self.model = model
        self.centre = torch.tensor(centre, dtype=torch.float64, device=self.device)

    @cached_property
    def gradient(self) -> Floats:
        """∇ log p at the centre, in nats, shape `(C, H, W)`."""
        _, gradient = self._copies(1)
        return np.asarray(gradient[0].detach().cpu().numpy(), dtype=np.float64)

    @cached_property
    def value(self) -> float:
        """Log p at the centre, in nats."""
        return float(self.log_density(self.centre.cpu().numpy()[None])[0])

    def log_density(self, images: Floats) -> Scores:
        """Return log p of images on [0, 1], shape `(N, C, H, W)`, in nats."""
        with torch.no_grad():
            parts = [
                self.model.log_density(torch.tensor(part, device=self.device)).cpu().numpy()
                for part in np.split(images, range(BATCH, len(images), BATCH))
            ]
        return np.concatenate(parts).astype(np.float64)

    @cached_property
    def hessian(self) -> Floats:
        """∇² log p at the centre, in nats, shape `(D, D)`."""
        basis = np.eye(self.centre.numel())
        return self.products(basis.reshape(-1, *self.centre.shape)).reshape(basis.shape)

    def curvatures(self, vectors: Floats) -> Floats:
        """Return vᵀ ∇² log p v at the centre for each vector v.

        This takes one Hessian-vector product per vector, or D products for the whole Hessian if
        there are D vectors or more; the Hessian is then kept.

        Args:
            vectors: Directions in image space, shape `(N, C, H, W)`.

        Returns:
            Nats, shape `(N,)`.
        """
        flat = vectors.reshape(len(vectors), -1)
        if len(flat) >= self.centre.numel():
            products = flat @ self.hessian
        else:
            products = self.products(vectors).reshape(flat.shape)
        return np.asarray((products * flat).sum(axis=1), dtype=np.float64)

    def products(self, vectors: Floats) -> Floats:
        """Return ∇² log p v for each vector, all `(N, C, H, W)`.

        The centre is repeated for each vector of a batch; the copies are independent, so that
        one double backward pass gives all their products exactly.
        """
        found = np.zeros_like(vectors)
        for start in range(0, len(vectors), BATCH):
            v = torch.tensor(vectors[start : start + BATCH], device=self.device)
            y, gradient = self._copies(len(v))
            if gradient.requires_grad:
                (product,) = torch.autograd.grad(
                    (gradient * v).sum(), y, allow_unused=True, materialize_grads=True
                )
                found[start : start + BATCH] = product.numpy(force=True)
        return found

    def _copies(self, number: int) -> tuple[Tensor, Tensor]:
        """Return copies of the centre, and the gradient at each as a function of it."""
        y = self.centre.expand(number, *self.centre.shape).clone().requires_grad_()
        (gradient,) = torch.autograd.grad(self.model.log_density(y).sum(), y, create_graph=True)
        return y, gradient


class Seen(NamedTuple):
    """The terms of an expansion over one set of images, in nats.

    Attributes:
        moments: Mean and variance of each pixel over all images.
        total: Number of images.
        slope: ∇log p(x0)ᵀ (μ − x0).
        slopes: ∇log p(x0)ᵀ (x − μ) of the sampled images.
        bends: (x − μ)ᵀ H (x − μ) of the sampled images.
        differences: (log p(x0 + s d) − 2 log p(x0) + log p(x0 − s d)) / s² of the sampled images,
            d = x − μ and s = `STEP`; in the limit of small s these are the bends.
        mean_bend: (μ − x0)ᵀ H (μ − x0).
        remainders: log p(x) minus the expansion's value of the sampled images.
        reach: The largest of `SHARES` of the way from x0 to the sampled images up to which the
            mean of the expansion's change is within `TOLERANCE` of the true one; 0 for none.
            Tried on at most `TRIED` of them.
    """

    moments: PixelMoments
    total: int
    slope: float
    slopes: Scores
    bends: Scores
    differences: Scores
    mean_bend: float
    remainders: Scores
    reach: float

    def remainder(self, level: float) -> Measure:
        """Return the mean of log p minus the expansion's value, with its interval over images."""
        error = variance(self.remainders) / len(self.remainders)
        return interval(float(self.remainders.mean()), error, level)

    def trace(self, level: float) -> Measure:
        """Return Tr{H Σ} with its interval over images."""
        return interval(float(self.bends.mean()), variance(self.bends) / len(self.bends), level)

    @property
    def slope_error(self) -> float:
        """Squared standard error of the mean of ∇log p(x0)ᵀ x over all images."""
        return variance(self.slopes) / self.total

    @property
    def error(self) -> float:
        """Squared standard error of the mean of ∇log p(x0)ᵀ x + ½ (x − μ)ᵀ H (x − μ).

        The second term is estimated from a sample of the images that give the first, so the two
        are correlated.
        """
        return self._error(self.bends)

    @property
    def difference_error(self) -> float:
        """The same with second differences in place of (x − μ)ᵀ H (x − μ)."""
        return self._error(self.differences)

    def _error(self, bends: Scores) -> float:
        half = bends / 2
        twice_covariance = variance(self.slopes + half) - variance(self.slopes) - variance(half)
        return variance(half) / len(half) + self.slope_error + twice_covariance / self.total


def see(expansion: Expansion, images: NDArray[np.uint8], count: int) -> Seen:
    """Return the terms of an expansion over uint8 images `(N, C, H, W)`.

    Args:
        expansion: The expansion.
        images: The images; the means are over all of them.
        count: Number of evenly spaced images that give the curvature.
    """
    found, total = pixel_moments(images), len(images)
    count = min(count, total)
    centre = expansion.centre.cpu().numpy()
    centred = on_unit_scale(images[np.arange(count) * total // count]) - found.mean
    shift = found.mean - centre
    slope = float((expansion.gradient * shift).sum())
    slopes = (centred * expansion.gradient).sum(axis=(1, 2, 3))
    bends = expansion.curvatures(centred)
    turned = expansion.products(shift[None])[0]
    mean_bend = float((turned * shift).sum())
    # Along the way from the centre to each image, of which share λ gives λ · first + λ² · second.
    first = slope + slopes
    second = (bends + mean_bend) / 2 + (centred * turned).sum(axis=(1, 2, 3))
    sides = [expansion.log_density(centre + sign * STEP * centred) for sign in (1, -1)]
    change = expansion.log_density(centre + centred + shift) - expansion.value
    tried = np.arange(min(TRIED, count)) * count // min(TRIED, count)
    way, first_tried, second_tried = (centred + shift)[tried], first[tried], second[tried]
    changes = {
        share: expansion.log_density(centre + share * way) - expansion.value for share in SHARES
    }
    predicted = {share: share * first_tried + share**2 * second_tried for share in SHARES}
    return Seen(
        moments=found,
        total=total,
        slope=slope,
        slopes=slopes,
        bends=bends,
        differences=(sides[0] - 2 * expansion.value + sides[1]) / STEP**2,
        mean_bend=mean_bend,
        remainders=change - first - second,
        reach=_reach(changes, predicted),
    )


def _reach(changes: Mapping[float, Scores], predicted: Mapping[float, Scores]) -> float:
    """Return the largest share up to which the prediction holds on average."""
    reach = 0.0
    for share in sorted(changes):
        change = float(changes[share].mean())
        if abs(float(predicted[share].mean()) - change) > TOLERANCE * abs(change):
            break
        reach = share
    return reach


def variance(values: Scores) -> float:
    """Return the variance of a sample; 0 for a single value, which shows no spread."""
    return float(values.var(ddof=1)) if len(values) > 1 else 0.0


def interval(value: float, error: float, level: float) -> Measure:
    """Return a value with its normal interval, given its squared standard error."""
    reach = normal_quantile(level) * math.sqrt(max(error, 0.0))
    return Measure(value, value - reach, value + reach)
