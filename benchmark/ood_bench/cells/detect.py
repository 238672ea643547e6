"""A cell that scores images with a detector."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ood_bench.cells.columns import columns_of, require_finite
from ood_bench.cells.spec import Inputs, Spec
from ood_bench.cells.tables import write_columns
from ood_bench.detectors import Detector, Scores
from ood_bench.errors import StoreError
from ood_bench.registry import Options, construct
from ood_bench.typed import Key

if TYPE_CHECKING:
    from ood_bench.cells.finished import Cells
    from ood_bench.cells.worker import Task

SCORES = "scores.parquet"


@dataclass(frozen=True, kw_only=True)
class Detect(Spec):
    """The scores of one detector on the test images of one data set.

    Attributes:
        plugin: The detector's plugin.
        revision: The plugin's revision.
        options: All its options, defaults filled in.
        held_out: Columns of the held-out ID images that it is fitted on, by statistic; none if it
            is fitted on training images.
        train: Columns of the training images that it is fitted on, in place of those.
        images: Columns of the images that it scores, by statistic.
    """

    kind = family = "detect"
    files = frozenset({SCORES})
    reported = False

    plugin: str
    revision: int | str
    options: Options
    held_out: Inputs
    images: Inputs
    train: Inputs = field(default_factory=dict)

    def work(self, task: "Task") -> None:
        """Fit the detector and score the images."""
        worker = task.worker
        plugin = worker.context.plugin("detectors", self.plugin, self.revision)
        detector: Detector = construct(plugin, self.plugin, self.options)
        scores = self.scores(detector, worker.store)
        (at, *_) = task.cell.at
        what = f"{at.label}: score of detector '{at.detector}' on {at.data}"
        require_finite(scores, worker.store.count_rows(self.source) // detector.group, what)
        write_columns(task.folder / SCORES, {"score": scores})

    def scores(self, detector: Detector, store: "Cells") -> Scores:
        """Return one score per image; larger means more OOD."""
        known, images = (columns_of(store, one) for one in (self.known, self.images))
        return detector.fit(known)(images)

    @property
    def known(self) -> Inputs:
        """The columns of the images that it is fitted on."""
        return self.train or self.held_out

    @property
    def source(self) -> Key:
        """The key of the first cell with columns of the images; all have one row per image.

        Raises:
            StoreError: If there is none.
        """
        if not self.images:
            raise StoreError("scores that were made of no column are damaged")
        return self.images[min(self.images)]
