"""A cell that computes a statistic: columns with one number per image."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from numpy.typing import NDArray

from ood_bench.cells.columns import require_finite
from ood_bench.cells.context import Wanted
from ood_bench.cells.spec import Inputs, NotHashed, Role, Spec
from ood_bench.cells.tables import write_columns
from ood_bench.data import Images
from ood_bench.data.partition import Whole, partition_by
from ood_bench.detectors import Columns
from ood_bench.errors import DataError, PluginError
from ood_bench.statistics import LABEL, in_family
from ood_bench.statistics.ensemble import mixture_log_prob
from ood_bench.typed import Key

if TYPE_CHECKING:
    from ood_bench.cells.worker import Task

COLUMNS = "columns.parquet"


@dataclass(frozen=True, kw_only=True)
class Score(Spec):
    """One statistic of the images of one part of a data set.

    Attributes:
        statistic: The name of the statistic, or `label` to read the labels.
        data: Digest of the images of the whole split.
        revision: The statistic's revision; labels have none.
        part: The part of a training split; None for a whole split.
        validation: Number of validation images, which determines the parts.
        held_out: Number of held-out images.
        whole: The larger split that is divided instead, where this one is its first images.
        first: How many of the part's images are scored.
        samples: Number of dequantization draws, if more than one.
        labels: Digest of the labels, if the cell reads them.
        model: The trained model; None for a statistic that needs no model.
        member: The log-likelihoods of an ensemble's members.
        images: The split.
    """

    kind = family = "score"
    files = frozenset({COLUMNS})
    reported = False

    statistic: str
    data: str
    revision: int | None = None
    part: Literal["train", "held_out"] | None = None
    validation: int | None = None
    held_out: int | None = None
    whole: Whole | None = None
    first: int | None = None
    samples: int | None = None
    labels: str | None = None
    model: Annotated[Key | None, Role()] = None
    member: Inputs = field(default_factory=dict)
    images: Annotated[Wanted | None, NotHashed] = None

    @property
    def calls_model(self) -> bool:
        """Whether the statistic is that of a model; an ensemble's is computed from columns."""
        return self.model is not None

    def work(self, task: "Task") -> None:
        """Compute the columns, and note how often an image passed the model's network."""
        write_columns(task.folder / COLUMNS, self._columns(task))

    def _columns(self, task: "Task") -> Columns:
        name, worker = task.cell.name, task.worker
        if self.member:
            members = [worker.store.read_columns(key)["log_prob"] for key in self.member.values()]
            return {"log_prob": mixture_log_prob(members)}
        pixels, labels = self._part(worker.context.images(self.images))
        data = self.images.data if self.images else ""
        if self.statistic == LABEL:
            if labels is None:
                raise DataError(f"{name}: '{data}' has no labels any more")
            return {LABEL: labels.astype(np.float64)}
        statistic = worker.context.registry.load("statistics", self.statistic)()
        if self.samples is not None:
            statistic.samples = self.samples
        if self.model is None:
            columns = statistic.compute(pixels, None)
        else:
            from ood_bench.statistics.counting import counted

            model = worker.trained(self.model)
            with counted(model) as count:
                columns = statistic.compute(pixels, model)
            passes = count.of(len(pixels))
            if passes is not None:
                task.notes["forward_passes"] = f"{passes.forward:.4f}"
                task.notes["jacobian_products"] = f"{passes.products:.4f}"
                task.notes["backward_passes"] = f"{passes.backward:.4f}"
        found = {
            column: values
            for declared in statistic.columns
            for column, values in columns.items()
            if in_family(column, declared)
        }
        for declared in statistic.columns:
            if not any(in_family(column, declared) for column in found):
                raise PluginError(f"{name}: the statistic yields no column '{declared}'")
        for column, values in found.items():
            what = f"{name}: column '{column}' of {data}"
            require_finite(values, len(pixels), what)
        return found

    def _part(self, images: Images) -> tuple[NDArray[np.uint8], NDArray[np.int64] | None]:
        """Return the pixels of the part that is scored, and the labels if there are any."""
        if self.part is None:
            return images.pixels, images.labels
        parts = partition_by(len(images.pixels), self.data, self.hashed)
        rows = parts.first(self.part, self.first)
        return images.pixels[rows], None if images.labels is None else images.labels[rows]
