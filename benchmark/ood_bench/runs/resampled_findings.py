"""Findings of an analysis on resampled images, from the stored columns and scores."""

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ood_bench.analyses import Analysis, Finding, Study
from ood_bench.cells import COLUMNS, SCORES, Cells, RecordedCell
from ood_bench.cells.analysis import Analyse
from ood_bench.claims import PerImage, Rows
from ood_bench.detectors import Columns, Scores
from ood_bench.errors import DataError, OodBenchError
from ood_bench.metrics.resampling import Draw
from ood_bench.registry import Registry
from ood_bench.results import FindingRow

DRAWS = 200
"""Number of resamples; fewer than for scores, since each runs the analysis once."""
EXACT = 1e-9

Sets = Callable[[str], tuple[str, Rows]]
"""Returns the images that a cell with columns reads."""


class Findings:
    """Findings of one analysis on resampled images; the last resample is cached.

    Args:
        ref: The analysis.
        store: The store of its cells.
        images: Returns the images that a cell with columns reads.
    """

    def __init__(self, ref: RecordedCell, store: Cells, images: Sets) -> None:
        self._analysis = _installed(ref, store)
        self._study = _Kept(ref, store, images) if self._analysis else None
        self._last: tuple[Draw, tuple[Finding, ...]] | None = None

    def read(self, row: FindingRow) -> PerImage | None:
        """Return a finding of a single seed as a function of resampled images.

        None if the analysis is not installed, calls the model, reads the images or the course of
        the training, or does not reproduce the stored number, as another revision may not.
        """
        study = self._study
        if study is None or not study.whole:
            return None

        def resampled(draw: Draw) -> float:
            named = (
                one.value
                for one in self._found(draw)
                if (one.name, one.outside) == (row.name, row.outside)
            )
            return next(named, math.nan)

        again = resampled({name: np.arange(rows.size) for name, rows in study.reads.items()})
        if not math.isclose(again, row.value, rel_tol=EXACT, abs_tol=EXACT):
            return None
        return PerImage(study.reads, resampled, draws=DRAWS)

    def _found(self, draw: Draw) -> tuple[Finding, ...]:
        if self._analysis is None or self._study is None:
            return ()
        if self._last is None or self._last[0] is not draw:
            try:
                table = self._analysis.tabulate(self._study.drawn(draw))
                self._last = (draw, self._analysis.findings(table))
            except Exception:  # noqa: BLE001  anybody's analysis; it may read the images
                self._last = (draw, ())
        return self._last[1]


def _installed(ref: RecordedCell, store: Cells) -> Analysis | None:
    """Return the analysis if it is installed and reads only columns and scores."""
    spec, name = store.spec(ref.key, Analyse), ref.at.plugin
    if ":" in name or "." in name:  # code beside the suite is run only for figures
        return None
    try:
        plugin: type[Analysis] = Registry(Path()).load("analyses", name)
        analysis = spec.built(plugin)
    except OodBenchError:
        return None
    if plugin.uses_model or plugin.uses_course or plugin.revision != spec.revision:
        return None
    return analysis


class _Kept:
    """The study of an analysis, with the columns and scores that its cell read."""

    def __init__(self, ref: RecordedCell, store: Cells, images: Sets) -> None:
        self.spec = store.spec(ref.key, Analyse)
        self.columns = dict[tuple[str, Any], Columns]()
        self.scores = dict[tuple[str, str], Scores]()
        self.reads = dict[str, Rows]()
        self.sets = dict[tuple[str, str], str]()
        self.whole = self.spec.trained is None and self.spec.course is None
        for side, key in self.spec.columns_by_side():
            if not self._has(store, key, COLUMNS):
                continue
            self.columns[side] = {**self.columns.get(side, {}), **store.read_columns(key)}
            data, rows = images(key)
            self.sets[side] = data
            self.reads[data] = rows
        for of, key in self.spec.scores_by_detector():
            if self._has(store, key, SCORES):
                self.scores[of] = store.read_scores(key)
        self.whole = self.whole and all(
            len(scores) == len(next(iter(self.columns[data, "test"].values())))
            for (_, data), scores in self.scores.items()
        )

    def drawn(self, draw: Draw) -> Study:
        """Return the study of resampled images."""

        def rows(name: str, part: str) -> NDArray[np.int64]:
            return draw[self.sets[name, part]]

        columns: Mapping[tuple[str, Any], Columns] = {
            side: {name: values[rows(*side)] for name, values in found.items()}
            for side, found in self.columns.items()
        }
        scores = {
            (detector, data): values[rows(data, "test")]
            for (detector, data), values in self.scores.items()
        }
        return self.spec.study(columns, scores, _no_images)

    def _has(self, store: Cells, key: str, name: str) -> bool:
        """Return whether a file is stored; without it the study is incomplete."""
        kept = store.has(key) and store.keeps(key, name)
        self.whole = self.whole and kept
        return kept


def _no_images(data: str, split: str, /) -> NDArray[np.uint8]:
    raise DataError(f"the {split} images of '{data}' are not kept with the numbers")
