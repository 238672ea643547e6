"""A short training within a law: on synthetic images, until the loss is flat."""

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ood_bench.hashing import seed_for
from ood_bench.lit import DensityModule
from ood_bench.testing.law import NotApplicable
from ood_bench.units import bits_per_dim

WINDOW = 50
"""Steps per window; the mean losses of successive windows are compared."""
FLAT = 0.01
"""Maximum change of a flat loss from one window to the next, in bits per dimension."""


@dataclass(frozen=True)
class LossCourse:
    """The loss of a short training.

    Attributes:
        steps: Steps done.
        bits: Mean loss of each window, in bits per dimension, or nats of a loss of the model's own
            in that unit.
        finite: Whether the loss stayed finite.
    """

    steps: int
    bits: tuple[float, ...]
    finite: bool

    @property
    def flat(self) -> bool:
        """Whether the last two windows have nearly the same loss."""
        return len(self.bits) > 1 and abs(self.bits[-1] - self.bits[-2]) < FLAT


def training_loss(model: DensityModule, x: Tensor) -> Tensor:
    """Return minus the mean log-likelihood, or the loss that a model overrides it with."""
    if type(model).loss is DensityModule.loss:
        return -model.log_prob(x).mean()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="You are trying to `self.log")  # no trainer
        return model.loss(x)


def fit_until_flat(
    model: DensityModule, images: Callable[[int], Tensor], *, rate: float, most: int
) -> LossCourse:
    """Minimise the training loss by Adam until it is flat.

    Args:
        model: The model; it is trained in place and left in evaluation mode.
        images: Maps a step to uint8 images `(B, C, H, W)`.
        rate: Learning rate.
        most: Maximum number of steps.

    Raises:
        NotApplicable: If it has no parameters to train.
    """
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    if not trained:
        raise NotApplicable("it has no parameters to train")
    optimizer = torch.optim.Adam(trained, lr=rate)
    windows: list[float] = []
    window: list[float] = []
    model.train()
    step = 0
    for step in range(most):
        model.salt.fill_(seed_for("contract", step))
        optimizer.zero_grad()
        loss = training_loss(model, images(step))
        value = float(loss.detach())
        if not math.isfinite(value):
            model.eval()
            return LossCourse(step, tuple(windows), finite=False)
        torch.autograd.backward(loss)
        optimizer.step()
        window.append(bits_per_dim(-value, model.shape.dims))
        if len(window) == WINDOW:
            windows.append(sum(window) / WINDOW)
            window.clear()
            if LossCourse(step, tuple(windows), finite=True).flat:
                break
    model.eval()
    return LossCourse(step + 1, tuple(windows), finite=True)
