"""Results for other programs: tidy CSV and JSON, in one order and at full precision."""

import csv
import io
import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, get_args

from ood_bench.files import write_whole
from ood_bench.report.document import Document, Records
from ood_bench.report.formats import Format
from ood_bench.results import CategoryMean, Difference, FindingRow, Metric, Results, Row, Separation
from ood_bench.spreadsheet import guarded


class Csv(Format):
    """One CSV file of all measured values, one per row: for R, pandas or a spreadsheet."""

    single = True

    def encoding(self, *, small: bool) -> None:
        """Return None: it shows no figures."""

    def write(self, document: Document, folder: Path) -> Path:
        """Write `results.csv`, of several runs `compare.csv`."""
        return write_whole(folder / f"{document.records[0].name}.csv", csv_text(document))


class Json(Format):
    """One JSON file of all but the analyses' tables: values, findings, claims, the manifest."""

    single = True

    def encoding(self, *, small: bool) -> None:
        """Return None: it shows no figures."""

    def write(self, document: Document, folder: Path) -> Path:
        """Write `results.json`, of several runs `compare.json`."""
        return write_whole(folder / f"{document.records[0].name}.json", json_text(document))


def csv_text(document: Document) -> str:
    """Return all measured values as CSV with a header.

    One row is one line. Numbers are written so that reading them gives back the same float64;
    one that is not finite is an empty field.
    """
    return records_csv(document.records[0])


def json_text(document: Document) -> str:
    """Return everything but the analyses' tables as JSON; a number not finite is null."""
    content = without_nonfinite(document.content())
    return json.dumps(content, ensure_ascii=False, allow_nan=False, indent=1) + "\n"


def records(results: Results) -> tuple[Records, ...]:
    """Return the values of a run for other programs: rows, findings, the audit, the ranking."""
    ranking, audit = results.ranking, results.audit
    found = [_records("results", Row, ordered(results.rows))]
    if results.findings:
        found.append(_records("findings", FindingRow, results.findings))
    if audit:
        found.append(_records("audit", Separation, audit.separations))
    if ranking:
        found.append(_records("comparison", Difference, ranking.differences))
    if results.category_means:
        found.append(_records("categories", CategoryMean, results.category_means))
    return tuple(found)


def content(results: Results) -> dict[str, Any]:
    """Return everything that a run found, but the analyses' tables, as JSON values."""
    return {
        "suite": results.suite,
        "title": results.title,
        "about": results.about,
        "level": results.level,
        "notes": list(results.notes),
        "rows": [asdict(row) for row in ordered(results.rows)],
        "findings": [asdict(row) for row in results.findings],
        "claims": [asdict(claim) for claim in results.claims],
        "training": [
            asdict(card)
            | {
                "divergences": [
                    {"step": step, "learning_rate": rate} for step, rate in card.divergences
                ]
            }
            for card in results.training
        ],
        "data": [asdict(card) for card in results.data],
        "skips": [asdict(omission) for omission in results.skips],
        "not_kept": [asdict(omission) for omission in results.not_kept],
        "failures": [asdict(omission) for omission in results.failures],
        "manifest": dict(results.manifest),
        "comparison": asdict(results.ranking) if results.ranking else None,
        "audit": asdict(results.audit) if results.audit else None,
        "categories": {
            "means": [asdict(mean) for mean in results.category_means],
            "sets": [asdict(item) for item in results.nearness],
        },
    }


def records_csv(records: Records) -> str:
    """Return records as CSV with a header; None and numbers not finite are empty fields.

    Text that a spreadsheet could take for a formula is guarded, see `ood_bench.spreadsheet`.
    """
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(records.columns)
    for row in records.rows:
        writer.writerow([_field(getattr(row, name)) for name in records.columns])
    return buffer.getvalue()


def ordered(rows: Iterable[Row]) -> list[Row]:
    """Sort rows by names, seeds as numbers with `all` last, metrics as in `Metric`, then others."""
    rank = {metric: i for i, metric in enumerate(get_args(Metric))}

    def key(row: Row) -> tuple[Any, ...]:
        seed = (1, 0, row.seed) if not row.seed.isdecimal() else (0, int(row.seed), "")
        names = (row.suite, row.model, row.inside, row.outside, row.detector)
        return (*names, seed, rank.get(row.metric, len(rank)), row.metric)

    return sorted(rows, key=key)


def _records(name: str, kind: type[Any], rows: Sequence[object]) -> Records:
    return Records(name, tuple(column.name for column in fields(kind)), rows)


def _field(value: object) -> object:
    if isinstance(value, float) and not math.isfinite(value):
        return ""
    if isinstance(value, str):
        return guarded(value if value.isprintable() else " ".join(value.split()))
    return value


def without_nonfinite(value: Any) -> Any:
    """Return JSON content with null in place of numbers that are not finite."""
    if isinstance(value, dict):
        return {key: without_nonfinite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [without_nonfinite(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
