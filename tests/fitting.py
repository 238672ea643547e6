"""A small density and how it is trained: what the tests of `fit` share."""

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ood_bench.data import Shape
from ood_bench.lit import DensityModule, FitReport, TrainingProgress, build, fit
from ood_bench.recipe import Recipe

Images = NDArray[np.uint8]
TINY = Recipe(
    steps=12,
    batch_size=8,
    optimizer="adam",
    schedule="halvings",
    precision="float32",
    clip_norm=None,
)


class Normal(DensityModule):
    """Independent normal pixels, with a switch that makes the loss infinite at some steps."""

    def __init__(self, shape: Shape) -> None:
        super().__init__(shape)
        self.mean = nn.Parameter(torch.randn(shape.dims))
        self.diverges_at: set[int] = set()

    def log_prob(self, x: Tensor) -> Tensor:
        y = self.dequantize(x).flatten(1)
        log_prob = -0.5 * (y - self.mean).square().sum(dim=1)
        if self.training and self.global_step in self.diverges_at:
            return log_prob / 0.0
        return log_prob


def random_images() -> Images:
    return np.random.default_rng(0).integers(0, 256, (70, 1, 4, 4), dtype=np.uint8)


def model() -> Normal:
    return build(Normal, Shape(1, 4, 4), {}, 0)


def tiny(**changes: object) -> Recipe:
    return TINY.model_copy(update=changes)


def trained(
    normal: Normal, images: Images, folder: Path, recipe: Recipe = TINY, **options: object
) -> FitReport:
    return fit(normal, recipe, images[:60], images[60:], seed=0, workdir=folder, **options)  # type: ignore[arg-type]


class Killed(Exception):  # noqa: N818  it stands for no error
    """Stands for a kill: nothing after it runs."""


def kill_at(step: int) -> object:
    def progress(progress: TrainingProgress) -> None:
        if progress.step >= step:
            raise Killed

    return progress
