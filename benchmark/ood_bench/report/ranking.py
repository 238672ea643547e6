"""Ranking of a run's detectors: both directions of pairs, cost, tests, published values."""

from collections.abc import Sequence
from typing import NamedTuple

from ood_bench.report.measured import detections
from ood_bench.report.numbers import ABSENT, decimal, p_text, with_interval
from ood_bench.report.texttable import Footnotes, TextTable, numbers, words
from ood_bench.results import Difference, Results, Row, untrained
from ood_bench.results.trainings import ONE

SIGNIFICANT = 0.05


class DatasetPair(NamedTuple):
    """An inside and an outside data set."""

    inside: str
    outside: str

    def __str__(self) -> str:
        return f"{self.inside} → {self.outside}"


class RankedDetector(NamedTuple):
    """A detector of a model, and the pooled AUROC of each pair on which it was measured."""

    model: str
    detector: str
    auroc: dict[DatasetPair, Row]

    @property
    def name(self) -> str:
        """Its name in figures."""
        return f"{self.model} · {self.detector}"

    def over(self, pairs: Sequence[DatasetPair]) -> list[float]:
        """Return its AUROC on each of the given pairs on which it was measured."""
        return [self.auroc[pair].value for pair in pairs if pair in self.auroc]


def entries(results: Results) -> list[RankedDetector]:
    """Return all detectors of all models, in the order of the run."""
    found: dict[tuple[str, str], RankedDetector] = {}
    for row in results.rows:
        if row.seed == "all" and row.metric == "auroc":
            entry = found.setdefault(
                (row.model, row.detector), RankedDetector(row.model, row.detector, {})
            )
            entry.auroc[DatasetPair(row.inside, row.outside)] = row
    return list(found.values())


def pairs(results: Results) -> list[DatasetPair]:
    """Return the pairs of a run, each followed by its reverse if that was run too."""
    tried = dict.fromkeys(pair for entry in entries(results) for pair in entry.auroc)
    ordered: dict[DatasetPair, None] = {}
    for pair in tried:
        ordered[pair] = None
        reverse = DatasetPair(pair.outside, pair.inside)
        if reverse in tried:
            ordered[reverse] = None
    return list(ordered)


def both_ways(results: Results) -> list[DatasetPair]:
    """Return the pairs that were run in both directions, each in its first direction only."""
    found: list[DatasetPair] = []
    everything = pairs(results)
    for pair in everything:
        reverse = DatasetPair(pair.outside, pair.inside)
        if reverse in everything and reverse not in found:
            found.append(pair)
    return found


def ranked_pairs(results: Results) -> list[DatasetPair]:
    """Return the pairs behind mean, worst and rank: those run in both directions, or else all."""
    found = [
        pair for one in both_ways(results) for pair in (one, DatasetPair(one.outside, one.inside))
    ]
    return found or pairs(results)


def ranks(results: Results) -> dict[tuple[str, str], float]:
    """Return the mean rank of each detector of each model over its pairs; 1 is the best AUROC.

    On each pair it is ranked among all that were measured there; ties share a rank.
    """
    from scipy.stats import rankdata

    found: dict[tuple[str, str], list[float]] = {}
    everything = entries(results)
    for pair in ranked_pairs(results):
        measured = [entry for entry in everything if pair in entry.auroc]
        places = rankdata([-entry.auroc[pair].value for entry in measured])
        for entry, rank in zip(measured, places, strict=True):
            found.setdefault((entry.model, entry.detector), []).append(float(rank))
    return {name: sum(places) / len(places) for name, places in found.items()}


def ranking_table(results: Results) -> TextTable:
    """Return each detector of each model: AUROC of every pair, mean, worst, rank and cost."""
    ranking = results.ranking
    if ranking is None:
        return TextTable((), ())
    shown, over, ranked = pairs(results), ranked_pairs(results), ranks(results)
    marks = {
        (item.model, item.detector, DatasetPair(item.inside, item.outside)): "▲"
        if item.value > 0
        else "▼"
        for item in ranking.differences
        if item.p_holm < SIGNIFICANT
    }
    trained = {
        (item.model, item.detector): item.trained for item in detections(results) if item.pooled
    }
    rows, footnotes = [], Footnotes()
    for entry in entries(results):
        costs = [
            cost.milliseconds
            for cost in ranking.costs
            if (cost.model, cost.detector) == (entry.model, entry.detector)
        ]
        rank, values = ranked.get((entry.model, entry.detector)), entry.over(over)
        cells = []
        for pair in shown:
            row, mark = entry.auroc.get(pair), marks.get((entry.model, entry.detector, pair), "")
            cells.append(f"{decimal(row.value)} {mark}".strip() if row else ABSENT)
        notes = footnotes.mark(*untrained(row.note for row in entry.auroc.values()))
        rows.append(
            (
                f"{entry.model} {notes}".strip(),
                entry.detector,
                ranking.uses.get(entry.detector, ABSENT),
                trained.get((entry.model, entry.detector), ABSENT),
                *cells,
                decimal(sum(values) / len(values) if values else None),
                decimal(min(values, default=None)),
                ABSENT if rank is None else f"{rank:.1f}",
                f"{sum(costs) / len(costs):.2f}" if costs else ABSENT,
            )
        )
    columns = (
        *words("Model", "Detector", "Extra input", "Trainings"),
        *numbers(*map(str, shown), "Mean", "Worst", "Mean rank", "ms/image"),
    )
    return TextTable(columns, tuple(rows), footnotes.texts)


def difference_table(results: Results) -> TextTable:
    """Return each detector's AUROC minus the baseline's, with p-values."""
    ranking = results.ranking
    if ranking is None:
        return TextTable((), ())
    footnotes = Footnotes()
    notes = {
        (entry.model, entry.detector, pair): untrained([row.note])
        for entry in entries(results)
        for pair, row in entry.auroc.items()
    }

    def label(item: Difference) -> str:
        pair = DatasetPair(item.inside, item.outside)
        sides = (notes.get((item.model, d, pair), []) for d in (item.detector, ranking.baseline))
        return footnotes.mark(*(remark for side in sides for remark in side))

    rows = tuple(
        (
            f"{item.model} {label(item)}".strip(),
            f"{item.inside} → {item.outside}",
            item.detector,
            with_interval(item.value, item.low, item.high),
            item.trainings or ABSENT,
            p_text(item.p),
            p_text(item.p_holm),
        )
        for item in ranking.differences
    )
    columns = (
        *words("Model", "ID → OOD", "Detector"),
        *numbers(f"AUROC minus that of {ranking.baseline}"),
        *words("Trainings"),
        *numbers("p", "p (Holm)"),
    )
    return TextTable(columns, rows, footnotes.texts)


_TUNED = {True: "yes", False: "no", None: ABSENT}


def published_table(results: Results) -> TextTable:
    """Return published beside measured AUROC of the same pair."""
    ranking = results.ranking
    if ranking is None:
        return TextTable((), ())
    rows, everything, footnotes = [], entries(results), Footnotes()
    trained = {(item.model, item.detector): item.trained for item in detections(results)}
    for published in ranking.quotations:
        pair = DatasetPair(published.inside, published.outside)
        for entry in everything:
            row = entry.auroc.get(pair)
            if entry.detector != published.detector or row is None:
                continue
            low, high = min(published.auroc) - 0.0005, max(published.auroc) + 0.0005
            apart = row.high < low or row.low > high
            trainings = trained.get((entry.model, entry.detector), "")
            verdict = "differs" if apart else "agrees"
            notes = footnotes.mark(*untrained([row.note]))
            rows.append(
                (
                    f"{entry.model} {notes}".strip(),
                    str(pair),
                    entry.detector,
                    with_interval(row.value, row.low, row.high),
                    trainings or ABSENT,
                    ", ".join(f"{value:g}" for value in published.auroc),
                    _TUNED[published.tuned_on_ood],
                    f"{trainings} {verdict}" if trainings.startswith(ONE) else verdict,
                    published.source,
                )
            )
    columns = (
        *words("Model", "ID → OOD", "Detector"),
        *numbers("Measured AUROC"),
        *words("Trainings"),
        *numbers("Published AUROC"),
        *words("Tuned on OOD", "Agreement", "Source"),
    )
    return TextTable(columns, tuple(rows), footnotes.texts)
