"""The divergence guard: back to the last good state, with half the learning rate."""

import logging
from typing import Any

import torch
from pytorch_lightning import Callback, Trainer
from torch import Tensor
from torch.utils._pytree import tree_map_only

from ood_bench.errors import CellError
from ood_bench.lit.average import WeightAverage
from ood_bench.lit.module import DensityModule

_log = logging.getLogger(__name__)

ATTEMPTS = 3


def interval(device: torch.device) -> int:
    """Return the steps between two checks: rare on a GPU, which each check makes wait."""
    return 5 if device.type == "cpu" else 50


class DivergenceGuard(Callback):
    """Checks every few steps that all losses since and all parameters are finite.

    If so, the state is copied: weights, optimiser, average. If not, the last copy comes back
    and the learning rate is halved. Training goes on with the next batches.

    Args:
        average: The average of the weights, if there is one.

    Attributes:
        divergences: (step, new factor on the learning rate) of each return.
        good: The step of the last copy.
    """

    def __init__(self, average: WeightAverage | None) -> None:
        self.average = average
        self.divergences: tuple[tuple[int, float], ...] = ()
        self.good = 0
        self._finite = torch.tensor(True)
        self._copy: Any = None

    def on_train_start(self, trainer: Trainer, pl_module: DensityModule) -> None:
        """Take the first copy."""
        self._keep(trainer, pl_module)

    def on_train_batch_end(
        self,
        trainer: Trainer,
        pl_module: DensityModule,
        outputs: dict[str, Tensor],
        *_: object,
        **__: object,
    ) -> None:
        """Note whether the loss is finite; check at every few steps and at the last."""
        self._finite = self._finite & outputs["loss"].isfinite()
        step = trainer.global_step
        if step % interval(pl_module.device) and step < trainer.max_steps:
            return
        finite = torch.stack([p.detach().isfinite().all() for p in pl_module.parameters()]).all()
        if bool(finite & self._finite):
            self._keep(trainer, pl_module)
        else:
            self._return(trainer, pl_module)

    def _state(self, trainer: Trainer, module: DensityModule) -> Any:
        average = self.average.state_dict() if self.average else {}
        return (module.state_dict(), trainer.optimizers[0].state_dict(), average)

    def _keep(self, trainer: Trainer, module: DensityModule) -> None:
        self._copy = tree_map_only(Tensor, torch.clone, self._state(trainer, module))
        self._finite = torch.tensor(True, device=module.device)
        self.good = trainer.global_step

    def _return(self, trainer: Trainer, module: DensityModule) -> None:
        step = trainer.global_step
        if len(self.divergences) == ATTEMPTS:
            raise CellError(
                f"training diverged again at step {step}, after {ATTEMPTS} returns with half "
                f"the learning rate (now {module.rate_factor:g} of the recipe's); lower "
                "learning_rate, or set clip_norm or warmup"
            )
        weights, optimizer, average = tree_map_only(Tensor, torch.clone, self._copy)
        module.load_state_dict(weights)
        trainer.optimizers[0].load_state_dict(optimizer)
        if self.average:
            self.average.load_state_dict(average)
        module.rate_factor /= 2.0
        for group in trainer.optimizers[0].param_groups:
            group["lr"] = group["initial_lr"] * module.rate_at(step)
        self._finite = torch.tensor(True, device=module.device)
        self.divergences = (*self.divergences, (step, module.rate_factor))
        _log.warning(
            "training diverged by step %d: back to the state of step %d, learning rate × %g",
            step,
            self.good,
            module.rate_factor,
        )

    def state_dict(self) -> dict[str, Any]:
        """Return what a checkpoint keeps."""
        return {"divergences": self.divergences}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take the divergences of a checkpoint."""
        self.divergences = tuple(state_dict["divergences"])
