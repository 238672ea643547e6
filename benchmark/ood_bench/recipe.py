"""Training options: the `training` block of a suite."""

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    Field,
    JsonValue,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from ood_bench.errors import did_you_mean
from ood_bench.typed import FROZEN

__all__ = [
    "OPTIMIZERS",
    "Recipe",
]

OPTIMIZERS: Mapping[str, str] = MappingProxyType(
    {
        "adam": "torch.optim.Adam",
        "adamax": "torch.optim.Adamax",
        "rmsprop": "torch.optim.RMSprop",
    }
)
"""Optimizers with short names, and their classes."""

_NOT_HASHED: Mapping[str, object] = MappingProxyType(
    {
        "optimizer_options": {},
        "schedule": "halvings",
        "decay_from": 0.5,
        "flip": False,
        "shift": 0,
    }
)
"""Values of later fields under which older trainings ran: they leave the field out of the key."""

_BETAS = (0.9, 0.99)
"""Coefficients of the default optimizer; AdamW's own second one, 0.999, averages over longer than
a short training lasts."""


def _usual_warmup(given: Mapping[str, Any]) -> int:
    return min(200, int(given.get("steps", 0)) // 20)


class Recipe(BaseModel):
    """Training options; those that change the trained weights are part of the cell's key."""

    model_config = FROZEN

    steps: int = Field(default=10_000, ge=0)
    """Optimiser steps. 0 leaves a model at its initialisation."""
    batch_size: int = Field(default=64, gt=0)
    """Images per step."""
    optimizer: str = Field(
        default="torch.optim.AdamW",
        json_schema_extra={"anyOf": [{"enum": [*OPTIMIZERS]}, {"pattern": "[.]"}]},
    )
    """`adam`, `adamax` or `rmsprop`, or the path of a subclass of `torch.optim.Optimizer`, such as
    `torch.optim.AdamW`."""
    optimizer_options: dict[str, Annotated[JsonValue, WithJsonSchema({})]] = {}
    """Further arguments of the optimiser, such as `{eps: 1.0e-6}`; `learning_rate` and
    `weight_decay` have their own keys. Where no `optimizer` is named, default:
    `{betas: [0.9, 0.99]}`."""
    learning_rate: float = Field(default=5e-3, gt=0)
    """Peak learning rate."""
    warmup: int = Field(default_factory=_usual_warmup, ge=0)
    """Steps over which the rate rises linearly from 0; default: a twentieth of `steps`, at most
    200."""
    schedule: Literal["halvings", "linear", "cosine", "flat"] = "linear"
    """Learning rate after the warm-up. `halvings`: halved at each of `decay`. `linear`, `cosine`:
    falls to 0 over all steps. `flat`: constant until `decay_from`, then falls linearly to 0."""
    decay: tuple[float, ...] = (0.8, 0.9)
    """For `halvings`: the fractions of `steps` at which the rate is halved."""
    decay_from: float = Field(default=0.5, ge=0, lt=1)
    """For `flat`: the fraction of `steps` at which the rate begins to fall."""
    weight_decay: float = Field(default=0.0, ge=0)
    """The optimiser's `weight_decay`: an L2 penalty, or decoupled in AdamW."""
    clip_norm: float | None = Field(default=100.0, gt=0)
    """Largest gradient norm; larger gradients are scaled down. `null`: no clipping."""
    ema: float | None = Field(default=None, gt=0, lt=1)
    """Decay of an exponential moving average of the weights, which becomes the trained model.
    Default: no averaging."""
    mutation: float = Field(default=0.0, ge=0, lt=1)
    """Share of pixel values that each step replaces with uniform ones, for the background model of
    Ren et al., Likelihood ratios for out-of-distribution detection, NeurIPS 2019,
    arXiv:1906.02845."""
    flip: bool = False
    """Whether each step mirrors half of its images, left to right, chosen at random."""
    shift: int = Field(default=0, ge=0)
    """Pixels by which each step shifts images at most, up or down and left or right, by a random
    number for each image; pixels from outside are 0. With 4 and `flip`, the usual augmentation of
    CIFAR-10 for classifiers."""
    precision: Literal["auto", "float32", "bf16"] = "auto"
    """`float32`, `bf16` (autocast, log-determinants in float32), or `auto`: bf16 if the hardware
    has it."""
    held_out: int | None = Field(default=None, ge=2)
    """Number of images of the training split, by a fixed permutation, on which detectors are
    fitted; default: a tenth, at most 2,000."""
    validation: int | None = Field(default=None, ge=1)
    """Number of images of the training split on which training reports bits per dimension; default:
    a twentieth, at most 1,000."""
    validate_every: int = Field(default=0, ge=0)
    """Steps between two such reports; 0: only one, at the end."""
    logger: Literal["csv", "tensorboard", "wandb", "mlflow"] = "csv"
    """`csv`, `tensorboard`, `wandb` or `mlflow`."""

    @model_validator(mode="before")
    @classmethod
    def _options_of_the_usual_optimizer(cls, given: object) -> object:
        """Add the default optimizer's options, unless another one is named."""
        if isinstance(given, Mapping) and "optimizer" not in given:
            return {"optimizer_options": {"betas": [*_BETAS]}, **given}
        return given

    @field_validator("optimizer")
    @classmethod
    def _named_or_a_path(cls, optimizer: str) -> str:
        """Check that a value is a name or the path of a class, without importing it."""
        if optimizer in OPTIMIZERS:
            return optimizer
        parts = optimizer.split(".")
        if len(parts) < 2:
            near = did_you_mean(optimizer, OPTIMIZERS)
            raise ValueError(f"neither an optimizer's name nor the path of its class{near}")
        if not all(part.isidentifier() for part in parts):
            raise ValueError("optimizer must be a name or a path such as torch.optim.AdamW")
        return optimizer

    @field_validator("decay", "decay_from")
    @classmethod
    def _read_by_the_schedule(cls, value: object, info: ValidationInfo) -> object:
        """Check that no option belongs to another schedule than the recipe's."""
        name, schedule = str(info.field_name), info.data.get("schedule")
        reader = "halvings" if name == "decay" else "flat"
        if schedule not in (reader, None) and value != cls.model_fields[name].default:
            raise ValueError(f"only schedule '{reader}' reads {name}; this one is '{schedule}'")
        return value

    def rate_at(self, step: int) -> float:
        """Return the factor on the learning rate at a step: warm-up times the schedule.

        Example:
            >>> recipe = Recipe(steps=100, warmup=10, schedule="halvings")
            >>> [recipe.rate_at(step) for step in (0, 4, 50, 80, 90)]
            [0.1, 0.5, 1.0, 0.5, 0.25]
            >>> recipe = Recipe(steps=100, warmup=0, schedule="flat", decay_from=0.6)
            >>> [round(recipe.rate_at(step), 3) for step in (0, 60, 80, 100)]
            [1.0, 1.0, 0.5, 0.0]
        """
        rise = min(1.0, (step + 1) / self.warmup) if self.warmup else 1.0
        done = min(1.0, step / self.steps) if self.steps else 0.0
        match self.schedule:
            case "halvings":
                halvings = sum(step >= fraction * self.steps for fraction in self.decay)
                return rise * 0.5**halvings
            case "linear":
                return rise * (1.0 - done)
            case "cosine":
                return rise * 0.5 * (1.0 + math.cos(math.pi * done))
            case "flat":
                return rise * min(1.0, (1.0 - done) / (1.0 - self.decay_from))

    def sized(self, images: int) -> "Recipe":
        """Return the recipe with defaults for `held_out` and `validation` filled in.

        Args:
            images: Images of the training split.

        Example:
            >>> [(r.held_out, r.validation) for r in map(Recipe().sized, (600, 20_000, 60_000))]
            [(60, 30), (2000, 1000), (2000, 1000)]
        """
        sizes = {
            "held_out": max(2, min(2_000, images // 10)),
            "validation": max(1, min(1_000, images // 20)),
        }
        return self.model_copy(
            update={name: size for name, size in sizes.items() if getattr(self, name) is None}
        )

    def hashed(self) -> dict[str, Any]:
        """Return the options that change the trained weights, as JSON.

        Raises:
            ValueError: If `held_out` or `validation` is not filled in.
        """
        if self.held_out is None or self.validation is None:
            raise ValueError("a key needs the sizes of all parts; fill them in with sized()")
        found = self.model_dump(mode="json", exclude={"logger", "validate_every"})
        for field, former in _NOT_HASHED.items():
            if getattr(self, field) == former:
                del found[field]
        if self.schedule != "halvings":
            del found["decay"]
        return found
