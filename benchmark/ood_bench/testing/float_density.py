"""The density of floats behind a model's `log_prob`, and its integral."""

import math
from typing import NamedTuple

import torch
from torch import Tensor
from torch.quasirandom import SobolEngine

from ood_bench.hashing import seed_for
from ood_bench.lit import DensityModule
from ood_bench.testing.law import NotApplicable

DRAWS = 8
POINTS = 8_192
HALF_WIDTH = 0.5
"""Half width at half maximum of the Cauchy proposal, whose centre is that of the image box."""


class Integral(NamedTuple):
    """An integral and its standard error."""

    value: float
    error: float


class Masses(NamedTuple):
    """The integral of a density over the image box [0, 1]^D, and over all floats."""

    box: Integral
    space: Integral


@torch.no_grad()
def log_density(model: DensityModule, y: Tensor, x: Tensor | None = None) -> Tensor:
    """Return `log_prob` where `dequantize` gives y, plus D·ln 256: float64 `(B,)`, in nats.

    Args:
        model: A model in evaluation.
        y: Floats `(B, C, H, W)`.
        x: uint8 images to pass; default: those whose bins contain y.
    """
    if x is None:
        x = (y * 256).floor().clamp(0, 255).to(torch.uint8)
    parts = []
    for images, floats in zip(torch.split(x, 8192), torch.split(y, 8192), strict=True):
        vars(model)["dequantize"] = lambda _, floats=floats: floats.to(model.dtype)
        try:
            parts.append(model.log_prob(images).double())
        finally:
            del vars(model)["dequantize"]
    return torch.cat(parts) + model.shape.dims * math.log(256)


@torch.no_grad()
def log_probs_of_draws(model: DensityModule, x: Tensor, draws: int) -> Tensor:
    """Return `log_prob` with different noise in each row, float64 `(draws, B)`, in nats."""
    kind, rows = type(model), []

    def noised(images: Tensor) -> Tensor:
        model.training = True  # of the module alone: its networks stay in evaluation
        try:
            return kind.dequantize(model, images)
        finally:
            model.training = False

    vars(model)["dequantize"] = noised
    try:
        for draw in range(draws):
            model.salt.fill_(seed_for("draw", draw))
            rows.append(model.log_prob(x).double())
    finally:
        del vars(model)["dequantize"]
    return torch.stack(rows)


def masses(model: DensityModule) -> Masses:
    """Integrate the density of the dequantized image.

    By randomised quasi-Monte Carlo with a scrambled Sobol sequence: over the box as it is, over
    all floats by the quantiles of a Cauchy distribution. A density that is not finite counts as
    0. If the model refuses floats outside a larger box, as a logit does, the second integral is
    over that box.

    Raises:
        NotApplicable: If `log_prob` is not a function of `dequantize(x)` alone.
    """
    if not takes_noise(model):
        kind = type(model).__name__
        raise NotApplicable(f"log_prob of {kind} is not a function of dequantize(x) alone")
    boxes, spaces = [], []
    margin = _margin(model)
    for draw in range(DRAWS):
        sobol = SobolEngine(model.shape.dims, scramble=True, seed=draw)  # type: ignore[no-untyped-call]  # as torch has it
        u = sobol.draw(POINTS, dtype=torch.float64).clamp(1e-9, 1 - 1e-9)
        boxes.append(float(_density(model, u).mean()))
        if math.isinf(margin):
            ratio = torch.tan(math.pi * (u - 0.5))
            log_slope = math.log(math.pi * HALF_WIDTH) + torch.log1p(ratio.square())
            found = _density(model, 0.5 + HALF_WIDTH * ratio, log_slope.sum(dim=1))
        else:
            width = 1 + 2 * margin
            found = _density(model, width * u - margin, u.shape[1] * math.log(width))
        spaces.append(float(found.mean()))
    return Masses(_integral(boxes), _integral(spaces))


def _margin(model: DensityModule) -> float:
    """Return how far beyond the image box the model accepts floats; infinite without a limit."""
    sides = torch.cartesian_prod(*[torch.tensor([0.0, 0.5, 1.0])] * model.shape.dims)
    sides = sides.view(-1, *model.shape).double()

    def refused(margin: float) -> bool:
        try:
            log_density(model, (1 + 2 * margin) * sides - margin)
        except (ValueError, RuntimeError, IndexError, AssertionError):
            return True
        return False

    if not refused(1e6):
        return math.inf
    taken, limit = 0.0, 64.0
    for _ in range(40):
        middle = (taken + limit) / 2
        taken, limit = (taken, middle) if refused(middle) else (middle, limit)
    return taken


def _density(model: DensityModule, y: Tensor, log_weight: Tensor | float = 0.0) -> Tensor:
    log_value = log_density(model, y.view(-1, *model.shape)) + log_weight
    return log_value.nan_to_num(nan=-math.inf, posinf=-math.inf).exp()


def takes_noise(model: DensityModule) -> bool:
    """Return whether `log_prob` is a function of `dequantize(x)`, and of nothing else of x."""
    y = torch.rand(16, *model.shape, generator=torch.Generator().manual_seed(0))
    found = log_density(model, y)
    black = torch.zeros_like(y, dtype=torch.uint8)
    return torch.equal(found, log_density(model, y, black)) and not torch.equal(
        found, log_density(model, y.flip(0))
    )


def _integral(values: list[float]) -> Integral:
    mean = sum(values) / len(values)
    spread = math.sqrt(sum((value - mean) ** 2 for value in values) / (len(values) - 1))
    return Integral(mean, spread / math.sqrt(len(values)))
