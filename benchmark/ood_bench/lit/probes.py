"""Probes: bits per dimension of several data sets along a training."""

# ruff: noqa: ARG002  Lightning fixes the signatures of its hooks

import time
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from pytorch_lightning import Callback, LightningModule, Trainer
from torch import Tensor

from ood_bench.hashing import seed_for
from ood_bench.lit.module import DensityModule
from ood_bench.recipe import Recipe
from ood_bench.units import bits_per_dim

SHARE = 0.03
"""Target share of the training time for probes."""
SCORING = 1 / 3
"""Cost of scoring an image relative to training on it: no backward pass."""
FEWEST = 8


class Probe(NamedTuple):
    """Mean bits per dimension of one data set at one step, and its standard error."""

    step: int
    data: str
    bits_per_dim: float
    error: float
    images: int


def probed_steps(steps: int) -> tuple[int, ...]:
    """Return the steps at which a training is probed: 0, the powers of two, and the last.

    Example:
        >>> probed_steps(20)
        (0, 1, 2, 4, 8, 16, 20)
    """
    powers = [2**k for k in range(steps.bit_length()) if 2**k < steps]
    return tuple(dict.fromkeys((0, *powers, steps)))


def images_per_probe(steps: int, *, batch_size: int, sets: int) -> int:
    """Return the number of images per data set that fit a probe's share of the time.

    Example:
        >>> images_per_probe(1000, batch_size=64, sets=4)
        120
    """
    budget = SHARE / SCORING * steps * batch_size
    return max(FEWEST, int(budget / (sets * len(probed_steps(steps)))))


class Probes(Callback):
    """Scores a few images of each data set at logarithmically spaced steps of training.

    The model scores in training mode with noise of a fixed salt; a latent-variable model its
    ELBO. The random state is not touched, so the trained weights equal those without probes.

    Args:
        model: The model in training.
        recipe: Its training options.
        sets: uint8 images `(N, C, H, W)` by data set; evenly spaced rows of each are scored.
        seed: Seed of the noise.

    Attributes:
        found: The measured probes, in order.
        seconds: Time spent on them.
    """

    def __init__(
        self,
        model: DensityModule,
        recipe: Recipe,
        sets: Mapping[str, NDArray[np.uint8]],
        *,
        seed: int,
    ) -> None:
        most = images_per_probe(recipe.steps, batch_size=recipe.batch_size, sets=len(sets))
        self.model = model
        self.batch_size = recipe.batch_size
        self.sets = {name: torch.tensor(_spaced(images, most)) for name, images in sets.items()}
        self.salt = seed_for("probes", seed)
        self.steps = frozenset(probed_steps(recipe.steps))
        self.found: list[Probe] = []
        self.seconds = 0.0

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Score the initialisation, unless training is resumed."""
        if not self.found:
            self._score(trainer.global_step)

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, *_: Any, **__: Any
    ) -> None:
        """Score if this is a step to do so."""
        if trainer.global_step in self.steps:
            self._score(trainer.global_step)

    @torch.no_grad()
    def _score(self, step: int) -> None:
        began = time.perf_counter()
        self.model.salt.fill_(self.salt)
        for name, images in self.sets.items():
            batches = torch.split(images, self.batch_size)
            log_prob = torch.cat([self._log_prob(batch) for batch in batches])
            bits = bits_per_dim(log_prob, self.model.shape.dims)
            error = float(bits.std()) / len(bits) ** 0.5 if len(bits) > 1 else 0.0
            self.found.append(Probe(step, name, float(bits.mean()), error, len(bits)))
        self.seconds += time.perf_counter() - began

    def _log_prob(self, batch: Tensor) -> Tensor:
        return self.model.log_prob(batch.to(self.model.device)).cpu().double()

    def state_dict(self) -> dict[str, Any]:
        """Return the state for a checkpoint."""
        return {"found": [tuple(probe) for probe in self.found], "seconds": self.seconds}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore the probes from a checkpoint."""
        self.found = [Probe(*probe) for probe in state_dict["found"]]
        self.seconds = float(state_dict["seconds"])


def _spaced(images: NDArray[np.uint8], most: int) -> NDArray[np.uint8]:
    rows = np.linspace(0, len(images) - 1, min(most, len(images))).round().astype(np.int64)
    return images[rows]
