"""Published beside measured AUROC: the range of each cell, and every value with its source."""

from typing import NamedTuple

from ood_bench.report.measured import detections
from ood_bench.report.numbers import ABSENT, decimal, with_interval
from ood_bench.report.ranking import DatasetPair, RankedDetector, entries
from ood_bench.report.texttable import Footnotes, TextTable, numbers, words
from ood_bench.results import PublishedAuroc, Results, Row, untrained
from ood_bench.results.trainings import ONE

ROUNDING = 0.0005
"""Half of the last decimal that papers print."""
_TUNED = {True: "yes", False: "no", None: ABSENT}


class PublishedCell(NamedTuple):
    """A measured AUROC and the published values of its detector and pair."""

    entry: RankedDetector
    pair: DatasetPair
    row: Row
    published: list[PublishedAuroc]

    @property
    def values(self) -> list[float]:
        """The published values."""
        return [value for one in self.published for value in one.auroc]

    @property
    def place(self) -> str:
        """Where the measured interval lies: `below`, `above` or `inside` the published range."""
        if self.row.high < min(self.values) - ROUNDING:
            return "below"
        return "above" if self.row.low > max(self.values) + ROUNDING else "inside"


def published_cells(results: Results) -> list[PublishedCell]:
    """Return the measured values that have published ones, in the order of the latter."""
    if results.ranking is None:
        return []
    found: dict[tuple[str, str, DatasetPair], PublishedCell] = {}
    everything = entries(results)
    for published in results.ranking.quotations:
        pair = DatasetPair(published.inside, published.outside)
        for entry in everything:
            row = entry.auroc.get(pair)
            asked = published.models is None or entry.model in published.models
            if entry.detector == published.detector and row is not None and asked:
                key = (entry.model, entry.detector, pair)
                cell = found.setdefault(key, PublishedCell(entry, pair, row, []))
                cell.published.append(published)
    return list(found.values())


def published_table(results: Results) -> TextTable:
    """Return measured AUROC beside the range of published ones of the same pair."""
    rows, footnotes = [], Footnotes()
    trained = {(item.model, item.detector): item.trained for item in detections(results)}
    for cell in published_cells(results):
        entry, row, values = cell.entry, cell.row, cell.values
        trainings = trained.get((entry.model, entry.detector), "")
        notes = footnotes.mark(*untrained([row.note]))
        ends = dict.fromkeys((decimal(min(values)), decimal(max(values))))
        rows.append(
            (
                f"{entry.model} {notes}".strip(),
                str(cell.pair),
                entry.detector,
                with_interval(row.value, row.low, row.high),
                trainings or ABSENT,
                " to ".join(ends),
                decimal(max(values) - min(values)) if len(values) > 1 else ABSENT,
                str(len(values)),
                f"{trainings} {cell.place}" if trainings.startswith(ONE) else cell.place,
            )
        )
    columns = (
        *words("Model", "ID → OOD", "Detector"),
        *numbers("Measured AUROC"),
        *words("Trainings"),
        *numbers("Published AUROC", "Spread", "Values"),
        *words("Measured interval lies"),
    )
    return TextTable(columns, tuple(rows), footnotes.texts)


def sources_table(results: Results) -> TextTable:
    """Return each published value that is shown, with who ran it and where it stands."""
    shown = dict.fromkeys(one for cell in published_cells(results) for one in cell.published)
    rows = tuple(
        (
            one.detector,
            str(DatasetPair(one.inside, one.outside)),
            ", ".join(f"{value:g}" for value in one.auroc),
            one.by or ABSENT,
            _TUNED[one.tuned_on_ood],
            one.source,
            one.note or ABSENT,
        )
        for one in shown
    )
    columns = (
        *words("Detector", "ID → OOD"),
        *numbers("Published AUROC"),
        *words("Run by", "Tuned on OOD", "Source", "Note"),
    )
    return TextTable(columns, rows)
