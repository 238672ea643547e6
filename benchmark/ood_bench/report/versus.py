"""Runs side by side as tables, and as Markdown, CSV and JSON."""

import json
from collections.abc import Iterable
from dataclasses import asdict, fields
from pathlib import Path
from typing import Literal

from ood_bench.files import write_whole
from ood_bench.metrics.measure import percent
from ood_bench.report.conventions import TESTED
from ood_bench.report.escape import escape, paragraph
from ood_bench.report.markdown import table_text
from ood_bench.report.numbers import ABSENT, p_text, with_interval
from ood_bench.report.texttable import Footnotes, TextTable, numbers, words
from ood_bench.report.tidy import finite, rows_csv
from ood_bench.results import Versus, VersusClaim, VersusRow

VERSUS_COLUMNS = tuple(column.name for column in fields(VersusRow))


def auroc_table(found: Versus) -> TextTable:
    """Return AUROC of every run on each pair, and the differences from the first."""
    footnotes = Footnotes()
    first, *others = found.runs
    lines: dict[tuple[str, str, str], dict[str, VersusRow]] = {}
    for row in found.rows:
        address = (row.model, f"{row.inside} → {row.outside}", row.detector)
        lines.setdefault(address, {})[row.run] = row
    rows = []
    for address, by_run in lines.items():
        cells = [_auroc(by_run[first])]
        for run in others:
            if run in by_run:
                cells += _difference(by_run[run], footnotes)
            else:
                cells += [ABSENT] * 3
        rows.append((*address, *cells))
    level = percent(found.level)
    columns = [
        *words("Model", "ID → OOD", "Detector"),
        *numbers(f"AUROC, {first} ({level} interval)"),
    ]
    for run in others:
        columns += numbers(f"AUROC, {run}", f"{run} less {first}", f"p (Holm), {run}")
    return TextTable(tuple(columns), tuple(rows), footnotes.texts)


def versus_claims_table(found: Versus) -> TextTable:
    """Return what every run has to say about each claim."""
    lines: dict[tuple[str, str], dict[str, VersusClaim]] = {}
    for claim in found.claims:
        lines.setdefault((claim.id, claim.says), {})[claim.run] = claim
    rows = tuple(
        (f"{name}: {says}", *(_verdict(told.get(run)) for run in found.runs))
        for (name, says), told in lines.items()
    )
    return TextTable(words("Claim", *found.runs), rows)


def versus_note(found: Versus) -> str:
    """Return what the columns of `auroc_table` are."""
    return (
        f"AUROC as in each run's own report, with its {percent(found.level)} interval; a larger "
        "score means more out of distribution. Differences from the first run are tested image by "
        "image (paired DeLong, pooled over the seeds that both have), with Holm's correction for "
        f"all of them. {TESTED.replace('**', '')} So is a difference on one common seed."
    )


def write_versus(
    found: Versus, folder: Path, *, format: Literal["markdown", "csv", "json"]
) -> Path:
    """Write `compare.md`, `compare.csv` or `compare.json` and return its path.

    The columns of the CSV are those of `VersusRow`; the JSON holds the same rows under `rows`,
    and `runs`, `level`, `claims` and `notes`.
    """
    if format == "csv":
        return write_whole(folder / "compare.csv", rows_csv(VERSUS_COLUMNS, found.rows))
    if format == "json":
        content = json.dumps(finite(asdict(found)), ensure_ascii=False, allow_nan=False, indent=1)
        return write_whole(folder / "compare.json", content + "\n")
    return write_whole(folder / "compare.md", "\n\n".join(_page(found)) + "\n")


def _page(found: Versus) -> Iterable[str]:
    yield f"# {escape(' against '.join(found.runs))}"
    if found.notes:
        yield "\n>\n".join(f"> {paragraph(note)}" for note in found.notes)
    for heading, table, note in (
        ("Claims", versus_claims_table(found), ""),
        ("AUROC", auroc_table(found), versus_note(found)),
    ):
        if table.rows:
            yield f"## {heading}"
            yield table_text(table)
            yield note
    if not found.rows:
        yield "The runs have no detection in common: no model, pair and detector of equal names."


def _auroc(row: VersusRow) -> str:
    found = with_interval(row.value, row.low, row.high)
    return f"{found}, {row.trainings}" if row.trainings else found


def _difference(row: VersusRow, footnotes: Footnotes) -> list[str]:
    mark = footnotes.mark(row.note)
    difference = with_interval(row.difference, row.difference_low, row.difference_high)
    return [
        _auroc(row),
        f"{difference} {mark}".strip(),
        ABSENT if row.p_holm is None else p_text(row.p_holm),
    ]


def _verdict(claim: VersusClaim | None) -> str:
    if claim is None:
        return ABSENT
    if claim.measured is None:
        return claim.judged
    return f"{claim.judged}: {with_interval(claim.measured, claim.low, claim.high)}"
