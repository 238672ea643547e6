"""Fit a model in one call, which resumes an interrupted training."""

import logging
import signal
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from lightning_fabric.plugins.environments.lightning import LightningEnvironment
from numpy.typing import NDArray
from pytorch_lightning import Trainer
from torch import Tensor

from ood_bench.lit.accelerator import trainer_device
from ood_bench.lit.average import WeightAverage
from ood_bench.lit.batches import Batches, Slices
from ood_bench.lit.checkpoint import Checkpoint
from ood_bench.lit.compiled import compiled
from ood_bench.lit.course import CourseCallback, TrainingProgress
from ood_bench.lit.guard import DivergenceGuard, check_interval
from ood_bench.lit.loggers import Logs, logger_for
from ood_bench.lit.memory import keep_freed_memory
from ood_bench.lit.module import DensityModule, ImageModule
from ood_bench.lit.precision import Precision, precision_for
from ood_bench.lit.probes import Probe, Probes
from ood_bench.lit.state import TrainingState
from ood_bench.recipe import Recipe

INITIAL_IMAGES = 256


@dataclass(frozen=True)
class FitReport:
    """Report of a training.

    Attributes:
        steps: Optimizer steps, including those before a resume.
        images: Number of images processed, likewise.
        seconds: Training time, likewise.
        images_per_second: Their ratio; 0 without steps.
        bpd_validation: Bits per dimension of the validation images under the trained model;
            None for a classifier.
        accuracy_validation: Accuracy on the validation images; None for a density.
        precision: Precision of the heavy networks in training.
        device: The device's type.
        probes: Bits per dimension of the probe sets along the training.
        probe_seconds: Time spent on probes, part of `seconds`.
        divergences: (step, new factor on the learning rate) of each return to a good state.
        parameters: Number of trainable parameters.
    """

    steps: int
    images: int
    seconds: float
    images_per_second: float
    bpd_validation: float | None
    accuracy_validation: float | None
    precision: Precision
    device: str
    divergences: tuple[tuple[int, float], ...]
    parameters: int
    probes: tuple[Probe, ...]
    probe_seconds: float


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence Lightning, and let Ctrl-C raise KeyboardInterrupt."""
    lightning = logging.getLogger("pytorch_lightning")
    level, handler = lightning.level, signal.getsignal(signal.SIGINT)
    lightning.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module="pytorch_lightning")
            warnings.filterwarnings("ignore", message="The `srun` command is available")
            yield
    except SystemExit as stop:
        if isinstance(stop.__context__, KeyboardInterrupt):
            signal.signal(signal.SIGINT, handler)
            raise KeyboardInterrupt from None
        raise
    finally:
        lightning.setLevel(level)


def _on_device(images: NDArray[np.uint8], device: torch.device) -> Tensor:
    """Return the images as a tensor, on the GPU if they take less than a quarter of it."""
    if device.type == "cuda" and images.nbytes > torch.cuda.mem_get_info(device)[0] // 4:
        return torch.tensor(images)
    return torch.tensor(images, device=device)


def fit(
    model: ImageModule,
    recipe: Recipe,
    train: NDArray[np.uint8],
    validation: NDArray[np.uint8],
    *,
    labels: tuple[NDArray[np.int64], NDArray[np.int64]] | None = None,
    seed: int,
    workdir: Path,
    logs: Logs | None = None,
    progress: Callable[[TrainingProgress], None] | None = None,
    checkpoint_seconds: float = 30.0,
    probes: Mapping[str, NDArray[np.uint8]] | None = None,
) -> FitReport:
    """Train a model by its recipe on its device, and leave it in evaluation mode.

    If `workdir` holds a checkpoint of this training, it is resumed and ends with the same weights
    as without interruption. A damaged checkpoint is logged and ignored.

    Args:
        model: The model at its initialisation.
        recipe: The training options.
        train: Training images, uint8 `(N, C, H, W)`.
        validation: Images for the reported bits per dimension or accuracy, likewise.
        labels: Classes of the training and of the validation images, for a classifier.
        seed: Seed of the order of images and of the noise.
        workdir: Folder for the checkpoint.
        logs: Where loggers other than `csv` write; default: `workdir`.
        progress: Called about twice a second.
        checkpoint_seconds: Time between two checkpoints.
        probes: Data sets whose bits per dimension are measured along the training, likewise.

    Raises:
        CellError: If training diverges again after three returns to a good state.
        PluginError: If the recipe's logger is not installed.
        ValueError: If the images do not fit the model.
    """
    keep_freed_memory()
    device = model.device
    workdir.mkdir(parents=True, exist_ok=True)
    state = TrainingState(recipe, seed, precision_for(recipe, device))
    average = WeightAverage(recipe.ema) if recipe.ema else None
    guard = DivergenceGuard(model, state, average)
    probing = None
    if probes and isinstance(model, DensityModule):
        probing = Probes(model, recipe, probes, seed=seed)
    checkpoint = Checkpoint(workdir / "last.ckpt")
    course = CourseCallback(model, guard, checkpoint, every=checkpoint_seconds, progress=progress)
    own, other = (torch.tensor(part, device=device) for part in labels) if labels else (None, None)
    slices = Slices(torch.tensor(validation, device=device), recipe.batch_size, other)
    with _quiet(), state.attached_to(model):
        trainer = Trainer(
            **trainer_device(device),
            plugins=[LightningEnvironment()],
            logger=logger_for(recipe, workdir, logs),
            callbacks=[callback for callback in (average, guard, probing, course) if callback],
            max_epochs=-1,
            max_steps=recipe.steps,
            val_check_interval=recipe.validate_every or None,
            check_val_every_n_epoch=None,
            limit_val_batches=None if recipe.validate_every else 0,
            num_sanity_val_steps=0,
            log_every_n_steps=check_interval(device),
            gradient_clip_val=recipe.clip_norm,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            default_root_dir=workdir,
        )
        batches = Batches(
            _on_device(train, device),
            recipe.batch_size,
            seed=seed,
            first=lambda: trainer.global_step,
            labels=own,
        )
        resume = checkpoint.usable()
        if not resume:
            first = batches.images[batches.epoch(0)[:INITIAL_IMAGES]]
            model.initialise(first.to(device))
        if recipe.steps:
            with compiled(model, recipe.steps):
                trainer.fit(
                    model,
                    batches,
                    slices,
                    ckpt_path=checkpoint.path if resume else None,
                    weights_only=True,
                )
            model.to(device)
    model.eval()
    validated = model.validate(slices)
    images = recipe.steps * batches.size
    return FitReport(
        steps=recipe.steps,
        images=images,
        seconds=course.seconds,
        images_per_second=images / course.seconds if images else 0.0,
        bpd_validation=validated.get("bpd_validation"),
        accuracy_validation=validated.get("accuracy_validation"),
        precision=state.precision,
        device=device.type,
        divergences=guard.divergences,
        probes=tuple(probing.found) if probing else (),
        probe_seconds=probing.seconds if probing else 0.0,
        parameters=sum(p.numel() for p in model.parameters() if p.requires_grad),
    )
