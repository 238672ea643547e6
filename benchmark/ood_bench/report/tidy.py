"""Results for other programs: tidy CSV and JSON, in one order and at full precision."""

import csv
import io
import json
import math
from collections.abc import Iterable
from dataclasses import asdict, fields
from typing import Any, get_args

from ood_bench.results import Difference, FindingRow, Metric, Results, Row, Separation
from ood_bench.spreadsheet import guarded

COLUMNS = tuple(column.name for column in fields(Row))
DIFFERENCE_COLUMNS = tuple(column.name for column in fields(Difference))
SEPARATION_COLUMNS = tuple(column.name for column in fields(Separation))
FINDING_COLUMNS = tuple(column.name for column in fields(FindingRow))


def csv_text(results: Results) -> str:
    """Return the rows as CSV with a header.

    One row is one line. Numbers are written so that reading them gives back the same float64;
    one that is not finite is an empty field.
    """
    return rows_csv(COLUMNS, ordered(results.rows))


def findings_csv(results: Results) -> str:
    """Return what the analyses found as CSV with a header, in the same form."""
    return rows_csv(FINDING_COLUMNS, results.findings)


def comparison_csv(results: Results) -> str:
    """Return each detector's difference from the baseline as CSV, in the same form."""
    differences = results.comparison.differences if results.comparison else ()
    return rows_csv(DIFFERENCE_COLUMNS, differences)


def audit_csv(results: Results) -> str:
    """Return what one number of an image tells apart on each pair as CSV, in the same form."""
    return rows_csv(SEPARATION_COLUMNS, results.audit.separations if results.audit else ())


def rows_csv(columns: Iterable[str], rows: Iterable[object]) -> str:
    """Return dataclasses as CSV with a header; what is not finite or None is an empty field.

    Text that a spreadsheet could take for a formula is guarded, see `ood_bench.spreadsheet`.
    """
    names = tuple(columns)
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(names)
    for row in rows:
        writer.writerow([_field(getattr(row, name)) for name in names])
    return buffer.getvalue()


def json_text(results: Results) -> str:
    """Return everything but the analyses' tables as JSON; a number not finite is null."""
    content = {
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
        "failures": [asdict(omission) for omission in results.failures],
        "manifest": dict(results.manifest),
        "comparison": asdict(results.comparison) if results.comparison else None,
        "audit": asdict(results.audit) if results.audit else None,
    }
    return json.dumps(finite(content), ensure_ascii=False, allow_nan=False, indent=1) + "\n"


def ordered(rows: Iterable[Row]) -> list[Row]:
    """Sort rows by their names, seeds as numbers with `all` last, metrics as declared."""
    rank = {metric: i for i, metric in enumerate(get_args(Metric))}

    def key(row: Row) -> tuple[Any, ...]:
        seed = (1, 0, row.seed) if not row.seed.isdecimal() else (0, int(row.seed), "")
        names = (row.suite, row.model, row.inside, row.outside, row.detector)
        return (*names, seed, rank[row.metric])

    return sorted(rows, key=key)


def _field(value: object) -> object:
    if isinstance(value, float) and not math.isfinite(value):
        return ""
    if isinstance(value, str):
        return guarded(value if value.isprintable() else " ".join(value.split()))
    return value


def finite(value: Any) -> Any:
    """Return JSON content with null in place of numbers that are not finite."""
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
