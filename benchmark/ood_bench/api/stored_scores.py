"""Scores and statistics of single images, as a run's store or archive has them."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal, NamedTuple

from ood_bench.api.trainings import one_training, sides_of, training_of
from ood_bench.cells import COLUMNS, SCORES, Cells, RecordedCell
from ood_bench.cells.columns import columns_of
from ood_bench.cells.detect import Detect
from ood_bench.cells.metric import BitsMetric, DetectionMetrics
from ood_bench.detectors import Detector, Scores
from ood_bench.errors import OodBenchError, did_you_mean, raised
from ood_bench.registry import Registry, construct
from ood_bench.runs import RunRecord

Part = Literal["test", "held_out", "train"]


class StoredScores(NamedTuple):
    """The scores and statistics of a run's images.

    Attributes:
        folder: The run's folder, which messages name.
        record: The run's record.
        store: Where its cells lie.
        registry: The plugins, for a detector whose scores an archive lacks.
    """

    folder: Path
    record: RunRecord
    store: Cells
    registry: Registry

    def scores(
        self, model: str, detector: str, data: str, inside: str | None, seed: int | None
    ) -> Scores:
        """Return a detector's scores of test images, see `Run.scores`."""
        cells = list(self.record.of("detection"))
        self._known("model", model, (cell.at.model for cell in cells))
        self._known("detector", detector, (cell.at.detector for cell in cells))
        self._known("data set", data, (name for cell in cells for name in sides_of(cell)))
        tried = [
            cell
            for cell in cells
            if (cell.at.model, cell.at.detector) == (model, detector) and data in sides_of(cell)
        ]
        what = f"scores of {detector} for {model} on {data}"
        place = one_training(map(training_of, tried), what, inside, seed)
        cell = next(cell for cell in tried if training_of(cell) == place)
        return self.by_key(self._scored(cell, data))

    def statistics(
        self, model: str, data: str, part: Part, inside: str | None, seed: int | None
    ) -> dict[str, Any]:
        """Return all statistics of images by their columns' names, see `Run.statistics`."""
        bpds, detections = list(self.record.of("bpd")), list(self.record.of("detection"))
        self._known("model", model, (cell.at.model for cell in (*bpds, *detections)))
        named = (cell.at.data or cell.at.outside for cell in (*bpds, *detections))
        self._known("data set", data, named)
        own = part != "test"  # of the inside alone
        kept = [cell for cell in bpds if (cell.at.model, cell.at.data) == (model, data)]
        tried = [cell for cell in detections if cell.at.model == model and data in sides_of(cell)]
        places = [
            training_of(cell) for cell in (*kept, *tried) if not own or cell.at.inside == data
        ]
        place = one_training(places, f"columns of {model} on {data}", inside, seed)
        found: dict[str, Any] = {}
        for bpd in kept:
            if (*training_of(bpd), bpd.at.part) == (*place, part):
                columns = self.store.spec(bpd.key, BitsMetric).columns
                found |= self.store.read_columns(columns)
        detected: dict[str, Any] = {}
        for cell in tried:
            if training_of(cell) == place:
                spec = self.store.spec(self._scored(cell, data), Detect)
                read = {"held_out": spec.held_out, "train": spec.train, "test": spec.images}[part]
                if all(self.store.keeps(key, COLUMNS) for key in read.values()):
                    detected |= columns_of(self.store, read)
        # of training images, detectors may read others than the mean bits per dimension is of
        found = detected or found if part == "train" else found | detected
        if not found:
            raise OodBenchError(f"{self.folder}: no {part} columns of {model} on {data} are kept")
        return found

    def by_key(self, key: str) -> Scores:
        """Return the scores of a cell, recomputed from the statistics if an archive lacks them."""
        if self.store.keeps(key, SCORES):
            return self.store.read_scores(key)
        name = self.store.manifest(key)["name"]
        spec = self.store.spec(key, Detect)
        plugin = self.registry.load("detectors", spec.plugin)
        if self.registry.revision(spec.plugin, plugin) != spec.revision:
            raise OodBenchError(f"{name} was not kept, and '{spec.plugin}' is another revision now")
        detector: Detector = construct(plugin, spec.plugin, spec.options)
        known, images = (columns_of(self.store, one) for one in (spec.known, spec.images))
        try:
            return detector.fit(known)(images)
        except Exception as error:  # columns of an untrusted archive
            raise OodBenchError(
                f"{name}: its scores cannot be made again: {raised(error)}"
            ) from error

    def _scored(self, cell: RecordedCell, data: str) -> str:
        """Return the cell of a detector's scores of one side of a pair."""
        spec = self.store.spec(cell.key, DetectionMetrics)
        return spec.inside if data == cell.at.inside else spec.outside

    def _known(self, kind: str, name: str, names: Iterable[str]) -> None:
        check_known(self.folder, kind, name, names)


def check_known(folder: Path, kind: str, name: str, names: Iterable[str]) -> None:
    """Raise an `OodBenchError` that names near ones unless a run has a thing of that name."""
    known = set(names)
    if name not in known:
        raise OodBenchError(f"{folder} has no {kind} '{name}'{did_you_mean(name, known)}")
