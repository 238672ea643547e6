"""How far what a model computes may be from a closed form: rounding, or an estimate's error."""

from typing import NamedTuple

import torch
from torch import Tensor

from ood_bench.capabilities import Estimates
from ood_bench.lit import DensityModule
from ood_bench.testing.capability import capable

STANDARD_ERRORS = 5.0
SOLVER = 0.01
"""Nats per dimension that an estimate's solver may err by beside its stated error."""


class Allowance(NamedTuple):
    """Absolute differences that a law allows.

    Attributes:
        nats: Of a term of `log_prob`.
        image: Of a pixel on [0, 1] that was encoded and decoded.
        latent: Of a latent that was decoded and encoded.
    """

    nats: float
    image: float
    latent: float


@torch.no_grad()
def allowance(model: DensityModule, x: Tensor) -> Allowance:
    """Return what a law allows: an estimate's stated errors of uint8 images, else rounding.

    Raises:
        NotApplicable: If `log_prob` is an estimate whose error is not stated.
    """
    if model.log_prob_is != "estimate":
        return Allowance(nats=1e-6, image=1e-7, latent=1e-6)
    estimator: Estimates = capable(model, Estimates)
    stated = float(estimator.estimate(x).error.square().mean().sqrt())
    nats = STANDARD_ERRORS * stated + SOLVER * model.shape.dims
    return Allowance(nats=nats, image=0.02, latent=0.1)
