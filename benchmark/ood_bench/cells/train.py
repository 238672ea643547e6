"""A cell that trains a model, or loads the weights of a checkpoint."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from numpy.typing import NDArray

from ood_bench.cells.context import Step, Wanted, WorkContext
from ood_bench.cells.spec import NotHashed, Spec
from ood_bench.cells.tables import write_frame, write_json
from ood_bench.data import Images, Shape
from ood_bench.data.partition import Partition, partition_by
from ood_bench.errors import DataError
from ood_bench.hashing import file_sha256
from ood_bench.recipe import Recipe
from ood_bench.registry import Options, arguments
from ood_bench.zoo.layout import COURSE, DATA, TRAINING, WEIGHTS

if TYPE_CHECKING:
    import pandas as pd

    from ood_bench.cells.worker import Task, Worker
    from ood_bench.lit import FitReport, ImageModule


@dataclass(frozen=True)
class Followed:
    """The file of bits per dimension along an earlier training.

    Attributes:
        path: The file.
        names: The name of each probe in the file, by its name in this suite.
    """

    path: Path
    names: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Train(Spec):
    """One training.

    Attributes:
        plugin: The model's plugin.
        revision: The plugin's revision.
        options: All its options, defaults filled in.
        shape: Shape of one image.
        recipe: The training options that the weights depend on; for a checkpoint, only the sizes
            of the parts.
        seed: Seed of the initial weights, the order of images and the noise.
        data: Digest of the training split.
        checkpoint: SHA-256 of the weights that are loaded instead of training.
        origin: For a zoo model, its name there, its training report, and the published value of
            such a model.
        course: SHA-256 of the bits per dimension along the training of a checkpoint.
        labels: Digest of the training labels of a classifier.
        probes: Digests of the images that probe the training, by `data set/split`.
        images: The training split.
        probed: The images of the probes.
        training: The whole recipe.
        weights: The file of the checkpoint.
        followed: The file of the checkpoint's course, if it is read.
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
    course: str | None = None
    labels: str | None = None
    probes: Mapping[str, str] | None = None
    images: Annotated[Wanted | None, NotHashed] = None
    probed: Annotated[Mapping[str, Wanted], NotHashed] = field(default_factory=dict)
    training: Annotated[Recipe | None, NotHashed] = None
    weights: Annotated[Path | None, NotHashed] = None
    followed: Annotated[Followed | None, NotHashed] = None

    @property
    def calls_model(self) -> bool:
        """True."""
        return True

    def shown(self, name: str) -> str:
        """Return the name, which says for a checkpoint that it is loaded."""
        return name if self.checkpoint is None else name.replace("train/", "load/", 1)

    def build(self, worker: "Worker") -> "ImageModule":
        """Return the model with its initial weights, on the worker's device."""
        from ood_bench.lit import build

        context = worker.context
        plugin = context.plugin("models", self.plugin, self.revision, self.options)
        given = arguments(plugin, self.plugin, context.registry.located(plugin, self.options))
        model: ImageModule = build(plugin, self.shape, given, self.seed)
        return model.to(worker.device)

    def work(self, task: "Task") -> None:
        """Train the model, and write its weights, training report and provenance."""
        import pandas as pd
        from safetensors.torch import save_file

        from ood_bench.lit import DensityModule, Probe, judged

        worker, folder = task.worker, task.folder
        if self.images is None or self.training is None:
            raise DataError(f"{task.cell.name}: what is read of a store does not say how to train")
        images = worker.context.images(self.images)
        parts = self._parts(len(images.pixels))
        model = self.build(worker)
        report = self._fitted(task, model, self.training, images, parts)
        weights = {name: value.cpu().contiguous() for name, value in model.state_dict().items()}
        save_file(weights, folder / WEIGHTS)
        content = asdict(report) | dict(self.origin or {})
        if isinstance(model, DensityModule):
            pixels = images.pixels
            sane = judged(model, pixels[parts.train], pixels[parts.validation])
            content |= sane._asdict()
        found = pd.DataFrame(content.pop("probes"), columns=Probe._fields)
        course = found if self.followed is None else self._course_of(self.followed)
        write_json(folder / TRAINING, content)
        write_json(folder / DATA, worker.context.provenance(self.images))
        if len(course):
            write_frame(folder / COURSE, course)
        worker.forget_model()

    def _course_of(self, followed: Followed) -> "pd.DataFrame":
        """Return the course of a checkpoint's training, of the data sets of this suite."""
        import pandas as pd

        if file_sha256(followed.path) != self.course:
            raise DataError(f"{followed.path} changed since the run was planned; run again")
        course = pd.read_parquet(followed.path)
        here = {name: known for known, name in followed.names.items()}
        course = course[course["data"].isin(here)]
        return course.assign(data=course["data"].map(here))

    def _parts(self, count: int) -> Partition:
        return partition_by(count, self.data, self.recipe)

    def _fitted(
        self,
        task: "Task",
        model: "ImageModule",
        recipe: Recipe,
        images: Images,
        parts: Partition,
    ) -> "FitReport":
        """Train a model, or load the weights of a checkpoint into it."""
        from ood_bench.lit import Logs, adopt, fit

        context = task.worker.context
        labels = None if self.labels is None else _divided(images.labels, parts)
        if self.weights is not None:
            if file_sha256(self.weights) != self.checkpoint:
                raise DataError(f"{self.weights} changed since the run was planned; run again")
            validation = images.pixels[parts.validation]
            return adopt(
                model,
                self.weights,
                validation,
                batch_size=recipe.batch_size,
                labels=labels[1] if labels else None,
            )
        store, name = task.worker.store, task.cell.name.removeprefix("train/")
        return fit(
            model,
            recipe,
            images.pixels[parts.train],
            images.pixels[parts.validation],
            labels=labels,
            seed=self.seed,
            workdir=store.training(self.key),
            logs=Logs(store.logs, name.replace("/", "-"), self.key[:8]),
            progress=lambda progress: context.progress(Step(task.cell, progress)),
            checkpoint_seconds=context.checkpoint_seconds,
            probes=self._probes(context, parts),
        )

    def _probes(self, context: WorkContext, parts: Partition) -> dict[str, NDArray[np.uint8]]:
        """Load the images that probe a training; of its own split only the training images."""
        found = {}
        for name, wanted in self.probed.items():
            pixels = context.images(wanted).pixels
            found[name] = pixels[parts.train] if wanted.split == "train" else pixels
        return found


def _divided(
    labels: NDArray[np.int64] | None, parts: Partition
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    if labels is None:
        raise DataError("the labels that the run was planned with are gone; run again")
    return labels[parts.train], labels[parts.validation]
