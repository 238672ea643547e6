"""How a model is trained: the options of a suite's `training` block."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class Recipe(BaseModel):
    """Training options; all that change the trained weights are part of their key.

    Attributes:
        steps: Optimiser steps. 0 leaves a model at its initialisation.
        batch_size: Images in a step.
        optimizer: `adam`, `adamax` or `rmsprop`, with PyTorch's defaults but for the rate.
        learning_rate: Peak learning rate.
        warmup: Steps over which the rate rises linearly from 0.
        decay: Fractions of `steps` at which the rate is halved; the paper has 80 % and 90 %.
        weight_decay: L2 penalty that the optimiser adds.
        clip_norm: Largest gradient norm; larger gradients are scaled down. None leaves them.
        ema: Decay of an exponential moving average of the weights, whose average is the
            trained model. None keeps the last weights.
        mutation: Share of pixel values that each step replaces with uniform ones, for the
            background model of Ren et al., Likelihood ratios for out-of-distribution detection,
            NeurIPS 2019.
        precision: `float32`, `bf16` (autocast, log-determinants in float32), or `auto`: bf16
            on hardware that computes in it.
        held_out: Images taken off the training split, by a fixed permutation, on which
            detectors are fitted.
        validation: Images taken off likewise, on which training reports bits per dimension.
        validate_every: Steps between two such reports; 0 for one at the end alone.
        logger: `csv`, `tensorboard`, `wandb` or `mlflow`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    steps: int = Field(default=10_000, ge=0)
    batch_size: int = Field(default=64, gt=0)
    optimizer: Literal["adam", "adamax", "rmsprop"] = "adam"
    learning_rate: float = Field(default=1e-3, gt=0)
    warmup: int = Field(default=0, ge=0)
    decay: tuple[float, ...] = (0.8, 0.9)
    weight_decay: float = Field(default=0.0, ge=0)
    clip_norm: float | None = Field(default=None, gt=0)
    ema: float | None = Field(default=None, gt=0, lt=1)
    mutation: float = Field(default=0.0, ge=0, lt=1)
    precision: Literal["auto", "float32", "bf16"] = "auto"
    held_out: int = Field(default=2_000, ge=2)
    validation: int = Field(default=1_000, ge=1)
    validate_every: int = Field(default=0, ge=0)
    logger: Literal["csv", "tensorboard", "wandb", "mlflow"] = "csv"

    def rate_at(self, step: int) -> float:
        """Return the factor on the learning rate at a step: warm-up, then halvings.

        Example:
            >>> recipe = Recipe(steps=100, warmup=10)
            >>> [recipe.rate_at(step) for step in (0, 4, 50, 80, 90)]
            [0.1, 0.5, 1.0, 0.5, 0.25]
        """
        rise = min(1.0, (step + 1) / self.warmup) if self.warmup else 1.0
        halvings = sum(step >= fraction * self.steps for fraction in self.decay)
        return rise * 0.5**halvings

    def hashed(self) -> dict[str, Any]:
        """Return the options that change the trained weights, as JSON."""
        return self.model_dump(mode="json", exclude={"logger", "validate_every"})
