"""Per-image values of a run, for intervals of claims whose terms share images."""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from ood_bench.cells import SCORES, Cells, RecordedCell
from ood_bench.cells.analysis import Analyse
from ood_bench.cells.detect import Detect
from ood_bench.cells.metric import AddedMetric, BitsMetric, DetectionMetrics
from ood_bench.cells.score import Score
from ood_bench.claims import Measured, PerImage, Rows
from ood_bench.detectors import Scores
from ood_bench.errors import PluginError
from ood_bench.metrics import STANDARD, DetectionMetric
from ood_bench.metrics.covariance import auroc_influence
from ood_bench.metrics.resampling import resampled_detection, resampled_mean
from ood_bench.plan import DataRead
from ood_bench.registry import Registry, construct
from ood_bench.results import FindingRow, Row
from ood_bench.runs.record import RunRecord
from ood_bench.runs.resampled_findings import Findings
from ood_bench.units import bits_per_dim

BITS = {"bpd_inside": "test", "bpd_train": "train", "bpd_outside": "test"}


class KeptImages:
    """Reads scores and log-likelihoods of single images from finished cells.

    Images count as the same if their pixels are equal, or if one split of one data set was
    transformed to several shapes.

    Args:
        record: The record of the run.
        store: The store of its cells.
    """

    def __init__(self, record: RunRecord, store: Cells) -> None:
        self.record = record
        self.store = store
        self._same = same_images(record.data)
        self._found = dict[str, Findings]()

    def images(self, row: Measured, /) -> frozenset[str] | None:
        """Return the sets of images that a measure reads; None if unknown."""
        if isinstance(row, FindingRow):
            return self._study(row)
        found = self._cells(row)
        return None if found is None else frozenset(cell.images for cell in found)

    def read(self, row: Measured, /) -> PerImage | None:
        """Return a row of a single seed as a function of per-image values.

        None if scores were not kept or belong to groups of images, if a side has a single image,
        which has no spread, or if the plugin of an added metric is not installed; for findings
        see `Findings.read`.
        """
        if isinstance(row, FindingRow):
            ref = self._analysis(row)
            if ref is None:
                return None
            if ref.key not in self._found:
                self._found[ref.key] = Findings(ref, self.store, self._read)
            return self._found[ref.key].read(row)
        found = self._cells(row)
        if found is None:
            return None
        if row.metric in BITS:
            (columns,) = found
            return self._bits(columns)
        own, other = (self._scores(side) for side in found)
        metric = self._metric(row)
        if metric is None or own is None or other is None or min(len(own), len(other)) == 1:
            return None
        inside, outside = (side.images for side in found)
        influence = None
        if row.metric == "auroc":
            beating, beaten = auroc_influence(own, other)
            influence = {inside: beating, outside: beaten}
            if inside == outside:
                influence = {inside: beating + beaten}
        reads = {
            side.images: Rows(len(scores), side.part)
            for side, scores in zip(found, (own, other), strict=True)
        }
        return PerImage(
            reads,
            resampled_detection(metric, own, other, sets=(inside, outside)),
            influence,
        )

    def _metric(self, row: Row) -> DetectionMetric | None:
        """Return the metric of a row; None for an added one whose plugin is not installed."""
        for name, metric in STANDARD.items():
            if name == row.metric:
                return metric
        ref = self._ref(row)
        if ref is None:
            return None
        spec = self.store.spec(ref.key, AddedMetric)
        registry = Registry(Path(self.record.base), trust=self.record.own)
        try:
            plugin = registry.load("metrics", spec.plugin)
            same = registry.revision(spec.plugin, plugin) == spec.revision
            built = construct(plugin, spec.plugin, spec.options) if same else None
        except PluginError:
            return None
        return built if isinstance(built, DetectionMetric) else None

    def _bits(self, cell: "_Cell") -> PerImage:
        log_prob = self.store.read_columns(cell.key)["log_prob"]
        bits = bits_per_dim(log_prob, cell.dims)
        return PerImage(
            {cell.images: Rows(len(bits), cell.part)},
            resampled_mean(bits, of=cell.images),
            {cell.images: bits},
        )

    def _scores(self, cell: "_Cell") -> Scores | None:
        if not self.store.keeps(cell.key, SCORES):
            return None
        scores = self.store.read_scores(cell.key)
        grouped = len(scores) != self.store.count_rows(self.store.spec(cell.key, Detect).source)
        return None if grouped else scores

    def _cells(self, row: Measured) -> "list[_Cell] | None":
        """Return the cells with the per-image values of a row of a single seed."""
        ref = self._ref(row)
        if ref is None or not self.store.has(ref.key):
            return None
        if ref.kind == "bpd":
            bits = self.store.spec(ref.key, BitsMetric)
            sides, dims = [(bits.columns, bits.columns)], bits.dims
        else:
            kind: type[AddedMetric | DetectionMetrics] = DetectionMetrics
            if ref.kind == "added":
                kind = AddedMetric
            spec, dims = self.store.spec(ref.key, kind), 0
            scored = (spec.inside, spec.outside)
            if not all(map(self.store.has, scored)):
                return None
            sides = [(key, self.store.spec(key, Detect).source) for key in scored]
        if not all(self.store.has(columns) for _, columns in sides):
            return None
        return [_Cell(key, *self._images(columns), dims) for key, columns in sides]

    def _set(self, digest: str, part: str) -> str:
        """Return the identity of the images in one part of a split."""
        return f"{self._same.get(digest, digest)}/{part}"

    def _images(self, columns: str) -> tuple[str, tuple[str, ...]]:
        """Return the split that a cell with columns reads, and what determines its rows."""
        score = self.store.spec(columns, Score)
        sizes = (score.validation, score.held_out, score.first, score.whole)
        return self._set(score.data, score.part or "test"), tuple(map(str, sizes))

    def _read(self, columns: str) -> tuple[str, Rows]:
        """Return the split that a cell with columns reads, and its rows."""
        images, part = self._images(columns)
        return images, Rows(self.store.count_rows(columns), part)

    def _study(self, row: FindingRow) -> frozenset[str] | None:
        """Return all images that an analysis may read; None if unknown."""
        ref = self._analysis(row)
        data = self.store.spec(ref.key, Analyse).data if ref else {}
        sets = (self._set(digest, name.rpartition("/")[2]) for name, digest in data.items())
        return frozenset(sets) or None

    def _analysis(self, row: FindingRow) -> RecordedCell | None:
        found = (
            cell
            for cell in self.record.of("analysis")
            if cell.at.analysis == row.analysis and _owns(cell, row)
        )
        cell = next(found, None)
        return cell if cell and self.store.has(cell.key) else None

    def _ref(self, row: Measured) -> RecordedCell | None:
        if isinstance(row, FindingRow):
            return None
        if row.metric in BITS:
            read = (row.outside or row.inside, BITS[row.metric])
            bits = (cell for cell in self.record.of("bpd") if (cell.at.data, cell.at.part) == read)
            return next((cell for cell in bits if _owns(cell, row)), None)
        standard = row.metric in STANDARD
        named = (row.outside, row.detector, "" if standard else row.metric)
        found = (
            cell
            for cell in self.record.of("detection" if standard else "added")
            if (cell.at.outside, cell.at.detector, cell.at.metric) == named
        )
        return next((cell for cell in found if _owns(cell, row)), None)


class _Cell(NamedTuple):
    """A cell with one number per image: the images, their rows and dimensions."""

    key: str
    images: str
    part: tuple[str, ...]
    dims: int


def _owns(cell: RecordedCell, row: Measured) -> bool:
    """Return whether a cell and a row belong to the same training."""
    return (cell.at.model, cell.at.inside, str(cell.at.seed)) == (row.model, row.inside, row.seed)


def same_images(data: Iterable[DataRead]) -> dict[str, str]:
    """Map each digest to one representative of all digests of the same images.

    Images are the same under one name and split in several shapes, and under several names
    with equal pixels.
    """
    known: dict[tuple[str, str, int], str] = {}
    found: dict[str, str] = {}
    for ref in data:
        first = known.setdefault((ref.name, ref.split, ref.info.count), ref.info.digest)
        old, new = (found.get(digest, digest) for digest in (ref.info.digest, first))
        found = {digest: new if name == old else name for digest, name in found.items()}
        found |= {ref.info.digest: new, first: new}
    return found
