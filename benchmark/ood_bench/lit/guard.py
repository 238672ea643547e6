"""The divergence guard: return to the last good state with half the learning rate."""

# ruff: noqa: ARG002  Lightning fixes the signatures of its hooks

import logging
from collections.abc import Mapping
from typing import Any, cast

import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.utilities.types import STEP_OUTPUT
from torch import Tensor
from torch.utils._pytree import tree_map_only

from ood_bench.errors import CellError
from ood_bench.lit.average import WeightAverage
from ood_bench.lit.module import ImageModule
from ood_bench.lit.state import TrainingState

_log = logging.getLogger(__name__)

ATTEMPTS = 3


def loss_of(outputs: STEP_OUTPUT) -> Tensor:
    """Return the loss from the output that Lightning passes to a hook."""
    assert isinstance(outputs, Mapping)
    return cast(Tensor, outputs["loss"])


def check_interval(device: torch.device) -> int:
    """Return the steps between two checks: rare on a GPU, since each check synchronises it."""
    return 5 if device.type == "cpu" else 50


class DivergenceGuard(Callback):
    """Checks every few steps that all losses since the last check and all parameters are finite.

    If so, the state is copied: weights, optimizer, average. If not, the last copy is restored
    and the learning rate is halved; training continues with the next batches.

    Args:
        model: The model in training.
        training: Its training state, whose learning rate is halved.
        average: The average of its weights, if there is one.

    Attributes:
        divergences: (step, new factor on the learning rate) of each return.
        good: The step of the last copy.
    """

    def __init__(
        self, model: ImageModule, training: TrainingState, average: WeightAverage | None
    ) -> None:
        self.model = model
        self.training = training
        self.average = average
        self.divergences: tuple[tuple[int, float], ...] = ()
        self.good = 0
        self._finite: Tensor
        self._copy: Any

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Take the first copy."""
        self._keep(trainer)

    def on_train_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: STEP_OUTPUT,
        *_: Any,
        **__: Any,
    ) -> None:
        """Note whether the loss is finite; check at every few steps and at the last."""
        self._finite = self._finite & loss_of(outputs).isfinite()
        step = trainer.global_step
        if step % check_interval(self.model.device) and step < trainer.max_steps:
            return
        finite = torch.stack([p.detach().isfinite().all() for p in self.model.parameters()]).all()
        if bool(finite & self._finite):
            self._keep(trainer)
        else:
            self._return(trainer)

    def _state(self, trainer: Trainer) -> Any:
        average = self.average.state_dict() if self.average else {}
        return (self.model.state_dict(), trainer.optimizers[0].state_dict(), average)

    def _keep(self, trainer: Trainer) -> None:
        self._copy = tree_map_only(Tensor, torch.clone, self._state(trainer))
        self._finite = torch.tensor(True, device=self.model.device)
        self.good = trainer.global_step

    def _return(self, trainer: Trainer) -> None:
        step = trainer.global_step
        if len(self.divergences) == ATTEMPTS:
            raise CellError(
                f"training diverged again at step {step}, after {ATTEMPTS} returns with half "
                f"the learning rate (now {self.training.rate_factor:g} of the recipe's); lower "
                "learning_rate, or set clip_norm or warmup"
            )
        weights, optimizer, average = tree_map_only(Tensor, torch.clone, self._copy)
        self.model.load_state_dict(weights)
        trainer.optimizers[0].load_state_dict(optimizer)
        if self.average:
            self.average.load_state_dict(average)
        self.training.rate_factor /= 2.0
        for group in trainer.optimizers[0].param_groups:
            group["lr"] = group["initial_lr"] * self.training.rate_at(step)
        self._finite = torch.tensor(True, device=self.model.device)
        self.divergences = (*self.divergences, (step, self.training.rate_factor))
        _log.warning(
            "training diverged by step %d: back to the state of step %d, learning rate × %g",
            step,
            self.good,
            self.training.rate_factor,
        )

    def state_dict(self) -> dict[str, Any]:
        """Return the state for a checkpoint."""
        return {"divergences": self.divergences, "rate_factor": self.training.rate_factor}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore the divergences from a checkpoint."""
        self.divergences = tuple(state_dict["divergences"])
        self.training.rate_factor = float(state_dict["rate_factor"])
