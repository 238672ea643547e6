"""Callback for progress, elapsed time and checkpoints of a training."""

# ruff: noqa: ARG002  Lightning fixes the signatures of its hooks

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
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
    """Progress of a training.

    Attributes:
        step: Steps done, including those before a resume.
        steps: All steps.
        loss: The loss of the last batch in words; lower is better.
        images_per_second: Images per second since the start or resume.
        seconds_left: Seconds to the last step at that speed; None if unknown.
    """

    step: int
    steps: int
    loss: str
    images_per_second: float
    seconds_left: float | None = None

    def __str__(self) -> str:
        """Return one line."""
        left = self.seconds_left
        return (
            f"{self.loss}, {self.images_per_second:.0f} images/s, step {self.step} of {self.steps}"
            + ("" if left is None else f", {timedelta(seconds=round(left))} left")
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
        self._begun = 0
        self._first = self._clock = self._saved = self._shown = 0.0

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start the clocks."""
        self._begun = trainer.global_step
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
            step, steps = trainer.global_step, trainer.max_steps
            left = (steps - step) * (now - self._first) / (step - self._begun)
            self.progress(TrainingProgress(step, steps, loss, rate, left))
        if not done and now - self._saved >= self.every:
            self.checkpoint.save(trainer)
            self._saved = time.monotonic()

    def state_dict(self) -> dict[str, Any]:
        """Return the state for a checkpoint."""
        return {"seconds": self.seconds}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore the elapsed time from a checkpoint."""
        self.seconds = float(state_dict["seconds"])
