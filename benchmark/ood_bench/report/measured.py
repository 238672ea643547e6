"""Tables of measured values: detection on every pair, and bits per dimension."""

import statistics
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from ood_bench.metrics.measure import percent
from ood_bench.report.audited import remark
from ood_bench.report.numbers import ABSENT, count, decimal, plural, with_interval
from ood_bench.report.texttable import Footnotes, TextTable, numbers, words
from ood_bench.results import (
    Metric,
    Omission,
    Results,
    Row,
    trainings,
    untrained,
    without_trainings,
)
from ood_bench.results.trainings import ONE

_BITS: tuple[Metric, ...] = ("bpd_train", "bpd_inside", "bpd_outside")


@dataclass
class MeasuredDetection:
    """All rows of one model, pair and detector: pooled ones by metric, those of single seeds."""

    model: str
    inside: str
    outside: str
    detector: str
    pooled: dict[str, Row] = field(default_factory=dict)
    single: list[Row] = field(default_factory=list)
    reason: str = ""

    def value(self, metric: str) -> str:
        """Write a pooled value."""
        row = self.pooled.get(metric)
        return decimal(row.value if row else None)

    def interval(self, metric: str) -> str:
        """Write a pooled value and its interval."""
        row = self.pooled.get(metric)
        return with_interval(row.value, row.low, row.high) if row else ABSENT

    def trainings(self, metric: str) -> str:
        """Return the number of trainings behind a value, with the spread of several, in words."""
        values = [row.value for row in self.single if row.metric == metric]
        if len(values) > 1:
            return f"{plural(len(values), 'seed')}, sd {decimal(statistics.stdev(values))}"
        return self.trained or ABSENT

    @property
    def trained(self) -> str:
        """The number of trainings behind the values, in words; empty without values."""
        seeds = {row.seed for row in self.single}
        said = self.single[0].note.split("; ")[-1] if self.single else ""
        if len(seeds) == 1:
            return said if said.startswith(ONE) else ONE
        return trainings(len(seeds)) if seeds else ""

    def remarks(self) -> list[str]:
        """Return the remarks on these rows: why there are none, the transform, notes."""
        row = next(iter((*self.single, *self.pooled.values())), None)
        if row is None:
            return [self.reason]
        changed = row.transform not in ("", "none")
        others = untrained(other.note for other in self.single[1:])
        remarks = [remark for remark in others if remark not in row.note]
        note = without_trainings(row.note)
        return [f"transform: {row.transform}" if changed else "", note, *remarks]


def detections(results: Results) -> list[MeasuredDetection]:
    """Return the measured rows, then the omissions of a pair or a detector."""
    measured = _entries(row for row in results.rows if row.metric not in _BITS)
    absent: dict[tuple[str, str, str, str], list[Omission]] = {}
    for omission in (*results.skips, *results.failures):
        if omission.outside or omission.detector:
            address = (omission.model, omission.inside, omission.outside, omission.detector)
            absent.setdefault(address, []).append(omission)
    known = {(e.model, e.inside, e.outside, e.detector) for e in measured if e.pooled}
    return measured + [
        MeasuredDetection(
            *address, reason="; ".join(dict.fromkeys(item.reason for item in omissions))
        )
        for address, omissions in absent.items()
        if address not in known
    ]


def beside_auroc(results: Results) -> dict[str, str]:
    """Return the headings of metrics that tables show beside AUROC, without their intervals."""
    return {spec.name: spec.heading for spec in results.metrics if spec.name != "auroc"}


def detection_table(results: Results) -> TextTable:
    """Return the pooled metrics of every detector on every pair."""
    headings = beside_auroc(results)
    footnotes = Footnotes()
    rows, found = [], detections(results)
    for entry in found:
        auroc = entry.pooled.get("auroc")
        n_inside, n_outside = (auroc.n_inside, auroc.n_outside) if auroc else (0, 0)
        total = n_inside + n_outside
        audited = remark(results, entry.inside, entry.outside)
        rows.append(
            (
                entry.model or "all",
                marked(_pair(entry), footnotes.mark(*entry.remarks(), audited)),
                entry.detector or "all",
                entry.interval("auroc"),
                entry.trainings("auroc"),
                *(entry.value(metric) for metric in headings),
                f"{count(n_inside)} / {count(n_outside)}" if total else ABSENT,
                decimal(n_outside / total if total else None),
            )
        )
    columns = (
        *words("Model", "ID → OOD", "Detector"),
        *numbers(f"AUROC ({percent(results.level)} interval)"),
        *words("Trainings"),
        *numbers(*headings.values(), "Images ID / OOD", "OOD share"),
    )
    gray = frozenset(i for i, entry in enumerate(found) if untrained(entry.remarks()))
    return TextTable(columns, tuple(rows), footnotes.texts, gray)


def bits_table(results: Results) -> TextTable:
    """Return mean bits per dimension of train, test and outside images under each model."""
    footnotes = Footnotes()
    rows = []
    for (model, inside), entries in _by_training(results.rows).items():
        for metric in _BITS:
            for entry in entries:
                row = entry.pooled.get(metric)
                if row is None:
                    continue
                side = {"bpd_train": "train", "bpd_inside": "test"}.get(metric, "OOD")
                scored = f"{entry.outside or inside} ({side})"
                images = row.n_outside if metric == "bpd_outside" else row.n_inside
                marks = footnotes.mark(*entry.remarks())
                rows.append(
                    (
                        model,
                        inside,
                        marked(scored, marks),
                        entry.interval(metric),
                        entry.trainings(metric),
                        count(images),
                    )
                )
    columns = (
        *words("Model", "Trained on", "Scored on"),
        *numbers(f"Bits per dimension ({percent(results.level)} interval)"),
        *words("Trainings"),
        *numbers("Images"),
    )
    return TextTable(columns, tuple(rows), footnotes.texts)


def _entries(rows: Iterable[Row]) -> list[MeasuredDetection]:
    entries: dict[tuple[str, str, str, str], MeasuredDetection] = {}
    for row in rows:
        address = (row.model, row.inside, row.outside, row.detector)
        entry = entries.setdefault(address, MeasuredDetection(*address))
        if row.seed == "all":
            entry.pooled[row.metric] = row
        else:
            entry.single.append(row)
    return list(entries.values())


def _by_training(rows: Iterable[Row]) -> Mapping[tuple[str, str], list[MeasuredDetection]]:
    trainings: dict[tuple[str, str], list[MeasuredDetection]] = {}
    for entry in _entries(row for row in rows if row.metric in _BITS):
        trainings.setdefault((entry.model, entry.inside), []).append(entry)
    return trainings


def _pair(entry: MeasuredDetection) -> str:
    return f"{entry.inside or 'all'} → {entry.outside or 'all'}"


def marked(text: str, marks: str) -> str:
    """Return a text with the marks of its footnotes."""
    return f"{text} {marks}" if marks else text
