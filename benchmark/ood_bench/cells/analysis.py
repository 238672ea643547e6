"""A cell that computes the table of an analysis and its findings, which claims may name."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from numpy.typing import NDArray

from ood_bench.analyses import Analysis, Finding, ImageLoader, Study
from ood_bench.cells.context import Wanted
from ood_bench.cells.spec import NotHashed, Role, Spec
from ood_bench.cells.tables import write_frame, write_json
from ood_bench.data import Shape
from ood_bench.data.partition import Whole, partition_by
from ood_bench.detectors import Columns, Scores
from ood_bench.registry import Options, construct
from ood_bench.typed import Key
from ood_bench.zoo.layout import COURSE

if TYPE_CHECKING:
    from ood_bench.cells.finished import Cells
    from ood_bench.cells.worker import Task, Worker

TABLE = "table.parquet"
FINDINGS = "findings.json"


@dataclass(frozen=True, kw_only=True)
class Analyse(Spec):
    """One analysis of one training.

    Attributes:
        plugin: The analysis's plugin.
        revision: The plugin's revision.
        options: All its options, defaults filled in.
        model: The model's name in the suite.
        inside: The inside data set's name.
        outside: The outside data sets' names.
        shape: Shape of one image.
        data: Digests of all images that it may read, by data set and part.
        level: Coverage of the intervals; None in cells of earlier versions.
        first: How many of the training images the analysis reads.
        validation: Number of validation images, which determines the parts.
        held_out: Number of held-out images.
        whole: The larger split that is divided instead, where this one is its first images.
        columns: Statistics, by data set, part and statistic.
        scores: Scores of test images, by detector and data set.
        trained: The trained model, if the analysis calls it.
        course: The training, if the analysis reads its course.
        images: The images, by data set and part.
    """

    kind = family = "analysis"
    files = frozenset({TABLE, FINDINGS})

    plugin: str
    revision: int | str
    options: Options
    model: str
    inside: str
    outside: tuple[str, ...]
    shape: Shape
    data: Mapping[str, str] = field(default_factory=dict)
    level: float | None = None
    first: int | None = None
    validation: int = 0
    held_out: int = 0
    whole: Whole | None = None
    columns: Annotated[Mapping[str, Key], Role("/")] = field(default_factory=dict)
    scores: Annotated[Mapping[str, Key], Role("/")] = field(default_factory=dict)
    trained: Annotated[Key | None, Role(name="model")] = None
    course: Annotated[Key | None, Role()] = None
    images: Annotated[Mapping[str, Wanted], NotHashed] = field(default_factory=dict)

    @property
    def calls_model(self) -> bool:
        """Whether the analysis calls the trained model."""
        return self.trained is not None

    @staticmethod
    def named(*parts: str) -> str:
        """Return the name of columns, scores or images: the parts joined by slashes."""
        return "/".join(parts)

    def columns_by_side(self) -> Iterator[tuple[tuple[str, Any], Key]]:
        """Yield ((data set, part), key) of each cell with columns."""
        for name, key in self.columns.items():
            data, part, *_ = (*name.split("/"), "")
            yield (data, part), key

    def scores_by_detector(self) -> Iterator[tuple[tuple[str, str], Key]]:
        """Yield ((detector, data set), key) of each cell with scores."""
        for name, key in self.scores.items():
            detector, _, data = name.partition("/")
            yield (detector, data), key

    def study(
        self,
        columns: Mapping[tuple[str, Any], Columns],
        scores: Mapping[tuple[str, str], Scores],
        images: ImageLoader,
    ) -> Study:
        """Return the input of the analysis, without the model and its training."""
        return Study(
            model=self.model,
            inside=self.inside,
            outside=self.outside,
            shape=self.shape,
            columns=columns,
            scores=scores,
            images=images,
        )

    def built(self, plugin: type[Analysis]) -> Analysis:
        """Return the analysis with its options, at the level of the suite."""
        return built(plugin, self.plugin, self.options, level=self.level)

    def work(self, task: "Task") -> None:
        """Compute the table and its findings."""
        worker, store = task.worker, task.worker.store
        columns: dict[tuple[str, Any], Columns] = {}
        for side, key in self.columns_by_side():
            columns[side] = {**columns.get(side, {}), **store.read_columns(key)}
        scores = {of: store.read_scores(key) for of, key in self.scores_by_detector()}
        study = self.study(columns, scores, partial(self._pixels, worker))
        if self.course is not None:
            study = replace(study, course=store.read_frame(self.course, COURSE))
        if self.trained is not None:
            study = replace(study, trained=partial(worker.density, self.trained))
        analysis = self.built(worker.context.plugin("analyses", self.plugin, self.revision))
        found = analysis.tabulate(study)
        write_frame(task.folder / TABLE, found)
        findings = [asdict(item) for item in analysis.findings(found)]
        write_json(task.folder / FINDINGS, [_without_empty_note(finding) for finding in findings])

    @staticmethod
    def findings(store: "Cells", key: str) -> tuple[Finding, ...]:
        """Return the findings of a finished cell."""
        return store.read_typed(key, FINDINGS, tuple[Finding, ...])

    def _pixels(self, worker: "Worker", data: str, part: str) -> NDArray[np.uint8]:
        wanted = self.images[self.named(data, part)]
        pixels = worker.context.images(wanted).pixels
        if part == "test":
            return pixels
        parts = partition_by(len(pixels), wanted.digest, self.hashed)
        return pixels[parts.train[: self.first]]


def built(
    plugin: type[Analysis], name: str, options: Mapping[str, Any], *, level: float | None
) -> Analysis:
    """Construct an analysis, to compute tables or to draw them.

    Args:
        plugin: Its class.
        name: The name of the plugin in the suite.
        options: Its options.
        level: Coverage of its intervals; the analysis's own if None.

    Raises:
        PluginError: If it refuses its options.
    """
    analysis: Analysis = construct(plugin, name, options)
    analysis.level = analysis.level if level is None else level
    return analysis


def _without_empty_note(finding: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in finding.items() if name != "note" or value}
