"""The main tables of a run, narrow enough for a terminal."""

from typing import TypeVar

from ood_bench.metrics.measure import percent
from ood_bench.report.audited import remark
from ood_bench.report.document import Section
from ood_bench.report.measured import beside_auroc, detections, marked
from ood_bench.report.numbers import count, decimal
from ood_bench.report.texttable import Column, Footnotes, TextTable, numbers, words
from ood_bench.results import Metric, Results
from ood_bench.results.trainings import ONE

SHOWN: tuple[Metric, ...] = ("aupr_out", "aupr_in", "fpr95")
"""The metrics beside AUROC that a terminal has room for."""
T = TypeVar("T")


def terminal_sections(results: Results) -> list[Section]:
    """Return a table for each model on each inside data set.

    The heading gives the number of trainings, which leaves room for the columns. Footnotes are
    numbered over all tables and stand below the last one.
    """
    found = terminal_table(results)
    groups: dict[tuple[str, str], list[tuple[str, ...]]] = {}
    for row in found.rows:
        groups.setdefault((row[0], row[1]), []).append(row)
    short = {"FPR@95TPR": "FPR@95", "bpd OOD": "bits/dim"}
    columns = tuple(
        Column(short.get(heading, heading.partition(" (")[0]), numeric)
        for heading, numeric in _narrow(found.columns)
    )
    sections = []
    for place, ((model, inside), rows) in enumerate(groups.items(), 1):
        trained, bits = rows[0][5], rows[0][-2]
        heading = f"{model} trained on {inside}, {bits} bits/dim; {_covers(trained)}"
        footnotes = found.footnotes if place == len(groups) else ()
        table = TextTable(columns, tuple(map(_narrow, rows)), footnotes)
        sections.append(Section(f"detection-{place}", heading, table))
    return sections


def terminal_table(results: Results) -> TextTable:
    """Return the main table with bits per dimension, for a terminal."""
    footnotes = Footnotes()
    bits = {
        (row.model, row.inside, row.outside): row
        for row in results.rows
        if row.seed == "all" and row.metric in ("bpd_inside", "bpd_outside")
    }
    rows = []
    for entry in detections(results):
        auroc = entry.pooled.get("auroc")
        counts = (
            f"{count(auroc.n_inside)} ID and {count(auroc.n_outside)} OOD images" if auroc else ""
        )
        audited = remark(results, entry.inside, entry.outside)
        sides = [bits.get((entry.model, entry.inside, side)) for side in ("", entry.outside)]
        rows.append(
            (
                entry.model or "all",
                entry.inside or "all",
                marked(entry.outside or "all", footnotes.mark(counts, audited, *entry.remarks())),
                entry.detector or "all",
                entry.interval("auroc"),
                entry.trainings("auroc"),
                *(entry.value(metric) for metric in SHOWN),
                *(decimal(row.value if row else None) for row in sides),
            )
        )
    columns = (
        *words("Model", "ID", "OOD", "Detector"),
        *numbers(f"AUROC ({percent(results.level)} interval)"),
        *words("Trainings"),
        *numbers(*(beside_auroc(results)[metric] for metric in SHOWN), "bpd ID", "bpd OOD"),
    )
    return TextTable(columns, tuple(rows), footnotes.texts)


def _narrow(row: tuple[T, ...]) -> tuple[T, ...]:
    """Return the cells of a row that a table of one model and inside shows."""
    return (*row[2:5], *row[6:-2], row[-1])


def _covers(trained: str) -> str:
    """Return the number of trainings of a table, and what the interval of one covers."""
    of_one = trained.startswith(ONE)
    return f"{trained}: intervals cover the test images only" if of_one else trained.split(",")[0]
