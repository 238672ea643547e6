"""DensityModule: the Lightning base class of the models that are trained here."""

# ruff: noqa: ARG002  Lightning fixes the signatures of its hooks

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import ClassVar

import torch
from pytorch_lightning import LightningModule
from pytorch_lightning.utilities.types import OptimizerLRSchedulerConfig
from torch import Tensor

from ood_bench.capabilities import DensityModel
from ood_bench.data import Shape
from ood_bench.hashing import seed_for
from ood_bench.lit.optimizers import optimizer_for
from ood_bench.noise import mutated, uniform_noise
from ood_bench.recipe import Recipe
from ood_bench.units import bits_per_dim


class DensityModule(LightningModule, DensityModel, ABC):
    """A distribution over 8-bit images that is trained by maximum likelihood.

    A subclass writes `log_prob`, and `prepare` if its parameters start from data. Its options
    are keyword-only arguments of `__init__`, which begins with `super().__init__(shape)`.

    Attributes:
        revision: Raised when the model computes something else; old results are then stale.
        bound: Whether `log_prob` is a lower bound on log P(x) rather than its value.
        shape: Shape of one image.
        recipe: How it is trained; read by Lightning's hooks.
        seed: What the noise of training derives from.
        bf16: Whether `autocast` computes in bfloat16 while training.
        rate_factor: Factor on the learning rate, beside the recipe's schedule.
        optimized: `log_prob` compiled, which `fit` sets while it trains on a GPU; else None.
    """

    revision: ClassVar[int] = 1
    bound: ClassVar[bool] = False

    initialised: Tensor
    salt: Tensor

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.recipe = Recipe()
        self.seed = 0
        self.bf16 = False
        self.rate_factor = 1.0
        self.optimized: Callable[[Tensor], Tensor] | None = None
        self.register_buffer("initialised", torch.tensor(False))
        self.register_buffer("salt", torch.zeros((), dtype=torch.int64), persistent=False)

    @abstractmethod
    def log_prob(self, x: Tensor) -> Tensor:
        """Return log P(x) of uint8 images `(B, C, H, W)` in nats, shape `(B,)`."""

    def prepare(self, y: Tensor) -> None:
        """Set what starts from data, given continuous images `(B, C, H, W)` on [0, 1)."""

    @torch.no_grad()
    def initialise(self, x: Tensor) -> None:
        """Run `prepare` on training images; done once, before the first step.

        Until then the model refuses to score: its parameters would otherwise be set by
        whichever images it happened to see first.
        """
        self.train()
        self.prepare(self.dequantize(x))
        self.initialised.fill_(value=True)

    def admit(self, x: Tensor) -> None:
        """Refuse what cannot be scored; every `log_prob` calls this or `dequantize` first.

        Raises:
            ValueError: If the images are not uint8 or not of the model's shape.
            RuntimeError: If the model is in evaluation and was never initialised.
        """
        if x.dtype != torch.uint8 or x.ndim != 4 or tuple(x.shape[1:]) != self.shape:
            raise ValueError(
                f"{type(self).__name__} takes uint8 images (B, C, H, W) of {self.shape}, "
                f"got {str(x.dtype).removeprefix('torch.')} of shape {tuple(x.shape)}"
            )
        if not self.training and not self.initialised:
            raise RuntimeError(
                f"{type(self).__name__} has not seen training data and cannot score; train it, "
                "load trained weights, or call initialise() with training images"
            )

    def dequantize(self, x: Tensor) -> Tensor:
        """Return (x + u) / 256 in (0, 1), with noise u that is a function of each image.

        In evaluation the noise never changes. In training it is drawn anew at every step, as
        a function of the step and the seed, so that a resumed run draws the same.

        Args:
            x: uint8 images, shape `(B, C, H, W)`.

        Returns:
            The images' shape, in the model's dtype; exact in float32.

        Raises:
            ValueError: If the images are not uint8 or not of the model's shape.
            RuntimeError: If the model is in evaluation and was never initialised.
        """
        self.admit(x)
        noise = uniform_noise(x, self.salt) if self.training else uniform_noise(x)
        return ((x + noise) / 256.0).to(self.dtype)

    def autocast(self) -> torch.autocast:
        """Return the context for heavy networks: bfloat16 in training where `bf16` says so.

        Log-determinants and priors stay outside it. Evaluation is always in full precision.
        """
        enabled = self.bf16 and self.training
        return torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=enabled)

    def rate_at(self, step: int) -> float:
        """Return the factor on the recipe's learning rate at a step."""
        return self.recipe.rate_at(step) * self.rate_factor

    def training_step(self, x: Tensor, batch_idx: int) -> Tensor:
        """Return minus the mean log-probability in nats; logs bits per dimension."""
        self.salt.fill_(seed_for("noise", self.seed, self.global_step))
        if self.recipe.mutation:
            salt = seed_for("mutation", self.seed, self.global_step)
            x = mutated(x, self.recipe.mutation, salt)
        log_prob = (self.optimized or self.log_prob)(x).mean()
        self.log("train/bits_per_dim", bits_per_dim(log_prob.detach(), self.shape.dims))
        return -log_prob

    def validation_step(self, x: Tensor, batch_idx: int) -> None:
        """Log the mean bits per dimension."""
        bits = bits_per_dim(self.log_prob(x).mean(), self.shape.dims)
        self.log("val/bits_per_dim", bits, batch_size=len(x))

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        """Return the recipe's optimiser and its schedule, stepped once a batch."""
        optimizer = optimizer_for(self.recipe, self.parameters())
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: self.rate_at(step))
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": schedule, "interval": "step"},
        }
