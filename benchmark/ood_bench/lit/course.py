"""Callback for progress, elapsed time and checkpoints of a training."""

# ruff: noqa: ARG002  Lightning fixes the signatures of its hooks

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.utilities.types import STEP_OUTPUT
from torch import Tensor

from ood_bench.lit.checkpoint import Checkpoint
from ood_bench.lit.guard import DivergenceGuard, loss_of
from ood_bench.lit.module import ImageModule

PROGRESS_SECONDS = 0.5


@dataclass(frozen=True)
class TrainingProgress:
    """Progress of a training. `loss` is that of the last batch in words; lower is better."""

    step: int
    steps: int
    loss: str
    images_per_second: float

    def __str__(self) -> str:
        """Return one line."""
        return (
            f"{self.loss}, {self.images_per_second:.0f} images/s, step {self.step} of {self.steps}"
        )


class CourseCallback(Callback):
    """Reports progress and writes checkpoints, at steps at which the guard has copied the state.

    Only there the state is known to be finite and equal to the guard's copy, so that a resumed
    training equals an uninterrupted one.

    Args:
        model: The model in training.
        guard: Its divergence guard, which must run first.
        checkpoint: The checkpoint to write.
        every: Seconds between two checkpoints.
        progress: Called about twice a second.

    Attributes:
        seconds: Training time, including that before a resume.
    """

    def __init__(
        self,
        model: ImageModule,
        guard: DivergenceGuard,
        checkpoint: Checkpoint,
        *,
        every: float,
        progress: Callable[[TrainingProgress], None] | None,
    ) -> None:
        self.model = model
        self.guard = guard
        self.checkpoint = checkpoint
        self.every = every
        self.progress = progress
        self.seconds = 0.0
        self._images = 0
        self._first = self._clock = self._saved = self._shown = 0.0

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start the clocks."""
        self._first = self._clock = self._saved = time.monotonic()

    def on_train_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: STEP_OUTPUT,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Report and save, if the guard has just copied the state and it is time."""
        self._images += len(batch if isinstance(batch, Tensor) else batch[0])
        if self.guard.good != trainer.global_step:
            return
        now = time.monotonic()
        self.seconds, self._clock = self.seconds + now - self._clock, now
        done = trainer.global_step >= trainer.max_steps
        if self.progress and (done or now - self._shown >= PROGRESS_SECONDS):
            self._shown = now
            loss = self.model.in_words(float(loss_of(outputs)))
            rate = self._images / (now - self._first)
            self.progress(TrainingProgress(trainer.global_step, trainer.max_steps, loss, rate))
        if not done and now - self._saved >= self.every:
            self.checkpoint.save(trainer)
            self._saved = time.monotonic()

    def state_dict(self) -> dict[str, Any]:
        """Return the state for a checkpoint."""
        return {"seconds": self.seconds}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore the elapsed time from a checkpoint."""
        self.seconds = float(state_dict["seconds"])
