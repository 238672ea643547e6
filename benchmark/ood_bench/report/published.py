"""Published beside measured AUROC: the range of each cell, and every value with its source."""

from collections.abc import Iterator
from typing import NamedTuple

from ood_bench.report.categories import CATEGORIES
from ood_bench.report.measured import detections
from ood_bench.report.numbers import ABSENT, decimal, with_interval
from ood_bench.report.ranking import DatasetPair, entries
from ood_bench.report.texttable import Footnotes, TextTable, numbers, words
from ood_bench.results import PublishedAuroc, Results, untrained
from ood_bench.results.trainings import ONE

DECIMALS = 2
"""The fewest decimals that papers print; 0.9 is then 0.90."""
_TUNED = {True: "yes", False: "no", None: ABSENT}


class Measurement(NamedTuple):
    """A measured AUROC on a pair, or the mean over the sets of a category."""

    model: str
    detector: str
    inside: str
    outside: str
    value: float
    low: float
    high: float
    trainings: str
    note: str


class PublishedCell(NamedTuple):
    """A measured AUROC and the published values of its detector and pair."""

    measured: Measurement
    published: list[PublishedAuroc]

    @property
    def values(self) -> list[float]:
        """The published values."""
        return [value for one in self.published for value in one.auroc]

    @property
    def place(self) -> str:
        """Where the measured interval lies: `below`, `above` or `inside` the published range."""
        low, high = min(self.values), max(self.values)
        if self.measured.high < low - rounding(low):
            return "below"
        return "above" if self.measured.low > high + rounding(high) else "inside"


def rounding(value: float) -> float:
    """Return half of the last decimal of a published value.

    Example:
        >>> rounding(0.994), rounding(0.99), rounding(1.0)
        (0.0005, 0.005, 0.005)
    """
    _, _, decimals = f"{value:g}".partition(".")
    return 0.5 * 10.0 ** -max(len(decimals), DECIMALS)


def published_cells(results: Results) -> list[PublishedCell]:
    """Return the measured values that have published ones, in the order of the latter."""
    if results.ranking is None or not results.ranking.quotations:
        return []
    found: dict[Measurement, PublishedCell] = {}
    everything = list(_measured(results))
    for published in results.ranking.quotations:
        where = (published.detector, published.inside, _outside(published))
        for one in everything:
            asked = published.models is None or one.model in published.models
            if where == (one.detector, one.inside, one.outside) and asked:
                found.setdefault(one, PublishedCell(one, [])).published.append(published)
    return list(found.values())


def _measured(results: Results) -> Iterator[Measurement]:
    """Yield every measured AUROC, and every mean over all sets of a category."""
    trained = {
        (item.model, item.detector, item.inside, item.outside): item.trained
        for item in detections(results)
    }
    for entry in entries(results):
        for (inside, outside), row in entry.auroc.items():
            said = trained.get((entry.model, entry.detector, inside, outside), "")
            note = "; ".join(untrained([row.note]))
            measure = (row.value, row.low, row.high)
            yield Measurement(entry.model, entry.detector, inside, outside, *measure, said, note)
    for mean in results.category_means:
        if mean.complete:
            note = "; ".join(untrained([mean.note]))
            measure = (mean.value, mean.low, mean.high)
            outside = CATEGORIES[mean.category]
            where = (mean.model, mean.detector, mean.inside, outside)
            yield Measurement(*where, *measure, mean.trainings, note)


def _outside(published: PublishedAuroc) -> str:
    return CATEGORIES[published.category] if published.category else published.outside


def published_table(results: Results) -> TextTable:
    """Return measured AUROC beside the range of published ones of the same pair."""
    rows, footnotes = [], Footnotes()
    for cell in published_cells(results):
        one, values = cell.measured, cell.values
        ends = dict.fromkeys((decimal(min(values)), decimal(max(values))))
        rows.append(
            (
                f"{one.model} {footnotes.mark(one.note)}".strip(),
                str(DatasetPair(one.inside, one.outside)),
                one.detector,
                with_interval(one.value, one.low, one.high),
                one.trainings or ABSENT,
                " to ".join(ends),
                decimal(max(values) - min(values)) if len(values) > 1 else ABSENT,
                str(len(values)),
                f"{one.trainings} {cell.place}" if one.trainings.startswith(ONE) else cell.place,
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
            str(DatasetPair(one.inside, _outside(one))),
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
