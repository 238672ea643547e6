"""An exponential moving average of the weights."""

# ruff: noqa: ARG002  Lightning fixes the signatures of its hooks

from typing import Any

from pytorch_lightning import Callback, LightningModule, Trainer
from torch import Tensor


class WeightAverage(Callback):
    """Keeps θ̄ ← d θ̄ + (1 − d) θ after each step, and validates with θ̄.

    d rises to `decay` as (1 + t) / (10 + t), so that a short training is not averaged with
    its initialisation.

    Args:
        decay: The limit of d in a long training.
    """

    def __init__(self, decay: float) -> None:
        self.decay = decay
        self.average: list[Tensor] = []

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start from the parameters, or resume a checkpoint's average."""
        parameters = list(pl_module.parameters())
        self.average = [
            value.detach().to(parameter.device, copy=True)
            for value, parameter in zip(self.average or parameters, parameters, strict=True)
        ]

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, *_: Any, **__: Any
    ) -> None:
        """Move the average towards the parameters."""
        step = trainer.global_step
        decay = min(self.decay, (1 + step) / (10 + step))
        for average, parameter in zip(self.average, pl_module.parameters(), strict=True):
            average.lerp_(parameter.detach(), 1.0 - decay)

    def swap(self, module: LightningModule) -> None:
        """Exchange the average and the parameters."""
        for value, parameter in zip(self.average, module.parameters(), strict=True):
            value.data, parameter.data = parameter.data, value.data

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Validate with the average."""
        self.swap(pl_module)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Restore the parameters for training."""
        self.swap(pl_module)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Leave the average as the trained model."""
        self.swap(pl_module)

    def state_dict(self) -> dict[str, Any]:
        """Return the state for a checkpoint."""
        return {"average": self.average}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore the average from a checkpoint."""
        self.average = list(state_dict["average"])
