"""Tables and document of a comparison of runs."""

from dataclasses import asdict, fields
from functools import partial

from ood_bench.metrics.measure import percent
from ood_bench.report.conventions import TESTED
from ood_bench.report.document import Document, Records, Section, Span
from ood_bench.report.numbers import ABSENT, p_text, with_interval
from ood_bench.report.texttable import Footnotes, TextTable, numbers, words
from ood_bench.results import ComparedClaim, ComparedRow, RunComparison

NOTHING = (
    "The runs have nothing in common: no model, pair and detector have the same names. Give models "
    "of other names by --map FIRST=OTHER."
)
RUN_COMPARISON_COLUMNS = tuple(column.name for column in fields(ComparedRow))


def auroc_table(found: RunComparison) -> TextTable:
    """Return AUROC of every run on each pair, and the differences from the first."""
    footnotes = Footnotes()
    first, *others = found.runs
    lines: dict[tuple[str, str, str], dict[str, ComparedRow]] = {}
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
        columns += numbers(f"AUROC, {run}", f"{run} − {first}", f"p (Holm), {run}")
    return TextTable(tuple(columns), tuple(rows), footnotes.texts)


def compared_claims_table(found: RunComparison) -> TextTable:
    """Return the verdict of every run on each claim."""
    lines: dict[tuple[str, str], dict[str, ComparedClaim]] = {}
    for claim in found.claims:
        lines.setdefault((claim.id, claim.says), {})[claim.run] = claim
    rows = tuple(
        (f"{name}: {says}", *(_verdict(by_run.get(run)) for run in found.runs))
        for (name, says), by_run in lines.items()
    )
    return TextTable(words("Claim", *found.runs), rows)


def run_comparison_note(found: RunComparison) -> str:
    """Return the description of the columns of `auroc_table`."""
    return (
        f"AUROC as in each run's own report, with its {percent(found.level)} interval; a larger "
        "score means more out-of-distribution. A difference is that of the two values shown. It is "
        "tested on the same images (DeLong) and over seeds, which are paired if both runs have the "
        "same ones, with Holm's correction for all differences. "
        f"{TESTED.replace('**', '')}"
    )


def run_comparison_document(found: RunComparison) -> Document:
    """Return the document of a comparison of runs."""
    sections = (
        Section("claims", "Claims", compared_claims_table(found)),
        Section("auroc", "AUROC", auroc_table(found), run_comparison_note(found)),
    )
    pairs = {(row.inside, row.outside) for row in found.rows}
    detectors = {(row.model, row.detector) for row in found.rows}
    return Document(
        name="compare",
        kind="comparison of runs",
        title=" against ".join(found.runs),
        level=found.level,
        sections=tuple(section for section in sections if section.table.rows),
        records=(Records("compare", RUN_COMPARISON_COLUMNS, found.rows),),
        content=partial(asdict, found),
        summary=() if found.rows else (Span(NOTHING),),
        facts=(
            (str(len(found.runs)), "runs"),
            (str(len(pairs)), "common pairs"),
            (str(len(detectors)), "common detectors"),
        ),
        notes=found.notes,
    )


def _auroc(row: ComparedRow) -> str:
    found = with_interval(row.value, row.low, row.high)
    return f"{found}, {row.trainings}" if row.trainings else found


def _difference(row: ComparedRow, footnotes: Footnotes) -> list[str]:
    mark = footnotes.mark(row.note)
    difference = with_interval(row.difference, row.difference_low, row.difference_high)
    return [
        _auroc(row),
        f"{difference} {mark}".strip(),
        ABSENT if row.p_holm is None else p_text(row.p_holm),
    ]


def _verdict(claim: ComparedClaim | None) -> str:
    if claim is None:
        return ABSENT
    if claim.measured is None:
        return claim.judged
    return f"{claim.judged}: {with_interval(claim.measured, claim.low, claim.high)}"
