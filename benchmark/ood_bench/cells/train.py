"""A cell that trains a model, or takes the weights of a checkpoint."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from numpy.typing import NDArray

from ood_bench.cells.bench import Bench, Step, Wanted
from ood_bench.cells.spec import Beside, Spec
from ood_bench.cells.tables import write_frame, write_json
from ood_bench.data import Images, Shape
from ood_bench.data.partition import Partition, partition_by
from ood_bench.errors import DataError
from ood_bench.hashing import file_sha256
from ood_bench.recipe import Recipe
from ood_bench.registry import Options, arguments
from ood_bench.zoo.layout import DATA, TRAINING, WEIGHTS

if TYPE_CHECKING:
    from ood_bench.cells.worker import Task, Worker
    from ood_bench.lit import FitReport, ImageModule

COURSE = "course.parquet"
"""Bits per dimension along the training, of one that is probed."""


@dataclass(frozen=True, kw_only=True)
class Train(Spec):
    """One training.

    Attributes:
        plugin: The model's plugin.
        revision: The plugin's revision.
        options: All its options.
        shape: Shape of one image.
        recipe: The training options that the weights depend on; of a checkpoint the sizes of the
            parts alone.
        seed: Decides on the first weights, the order of images and the noise.
        data: Digest of the training split.
        checkpoint: SHA-256 of the weights that are taken in place of a training.
        origin: What a zoo's model comes with: its name there, what its training reported, and
            what is published of one like it.
        labels: Digest of the labels that a classifier is trained on.
        probes: Digests of the images that the training is probed with, by data set, `/` and split.
        images: The training split.
        probed: The images that it is probed with.
        training: The whole recipe.
        weights: The checkpoint's file.
    """

    kind = family = "train"
    files = frozenset({WEIGHTS, TRAINING, DATA})

    plugin: str
    revision: int | str
    options: Options
    shape: Shape
    recipe: Mapping[str, Any]
    seed: int
    data: str
    checkpoint: str | None = None
    origin: Mapping[str, Any] | None = None
    labels: str | None = None
    probes: Mapping[str, str] | None = None
    images: Annotated[Wanted | None, Beside] = None
    probed: Annotated[Mapping[str, Wanted], Beside] = field(default_factory=dict)
    training: Annotated[Recipe | None, Beside] = None
    weights: Annotated[Path | None, Beside] = None

    def build(self, worker: "Worker") -> "ImageModule":
        """Return the model with its first weights, on the worker's device."""
        from ood_bench.lit import build

        plugin = worker.bench.plugin("models", self.plugin, self.revision)
        given = arguments(plugin, self.plugin, self.options)
        model: ImageModule = build(plugin, self.shape, given, self.seed)
        return model.to(worker.device)

    def work(self, task: "Task") -> None:
        """Train the model, and leave its weights and what is known of it."""
        import pandas as pd
        from safetensors.torch import save_file

        from ood_bench.lit import DensityModule, Probe, judged

        worker, folder = task.worker, task.folder
        if self.images is None or self.training is None:
            raise DataError(f"{task.cell.name}: what is read of a store does not say how to train")
        images = worker.bench.images(self.images)
        parts = self._parts(len(images.pixels))
        model = self.build(worker)
        model.recipe = self.training
        report = self._fitted(task, model, images, parts)
        weights = {name: value.cpu().contiguous() for name, value in model.state_dict().items()}
        save_file(weights, folder / WEIGHTS)
        told = asdict(report) | dict(self.origin or {})
        if isinstance(model, DensityModule):
            pixels = images.pixels
            sane = judged(model, pixels[parts.train], pixels[parts.validation])
            told |= sane._asdict()
        probes = pd.DataFrame(told.pop("probes"), columns=Probe._fields)
        write_json(folder / TRAINING, told)
        write_json(folder / DATA, worker.bench.provenance(self.images))
        if len(probes):
            write_frame(folder / COURSE, probes)
        worker.forget_model()

    def _parts(self, count: int) -> Partition:
        return partition_by(count, self.data, self.recipe)

    def _fitted(
        self, task: "Task", model: "ImageModule", images: Images, parts: Partition
    ) -> "FitReport":
        """Train a model, or give it the weights of a checkpoint."""
        from ood_bench.lit import adopt, fit

        bench = task.worker.bench
        labels = None if self.labels is None else _divided(images.labels, parts)
        if self.weights is not None:
            if file_sha256(self.weights) != self.checkpoint:
                raise DataError(f"{self.weights} changed since the run was planned; run again")
            validation = images.pixels[parts.validation]
            return adopt(model, self.weights, validation, labels=labels[1] if labels else None)
        return fit(
            model,
            images.pixels[parts.train],
            images.pixels[parts.validation],
            labels=labels,
            seed=self.seed,
            workdir=task.worker.store.training(self.key),
            progress=lambda progress: bench.tell(Step(task.cell, progress)),
            checkpoint_seconds=bench.checkpoint_seconds,
            probes=self._probes(bench, parts),
        )

    def _probes(self, bench: Bench, parts: Partition) -> dict[str, NDArray[np.uint8]]:
        """Load what a training is probed with; of its own split the images it trains on."""
        found = {}
        for name, wanted in self.probed.items():
            pixels = bench.images(wanted).pixels
            found[name] = pixels[parts.train] if wanted.split == "train" else pixels
        return found


def _divided(
    labels: NDArray[np.int64] | None, parts: Partition
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    if labels is None:
        raise DataError("the labels that the run was planned with are gone; run again")
    return labels[parts.train], labels[parts.validation]
