"""The report as a Markdown page, as GitHub shows it."""

import re
from collections.abc import Iterable, Sequence

from ood_bench.report.audited import (
    SETS,
    overlaps_note,
    overlaps_table,
    separations_note,
    separations_table,
    sets_table,
)
from ood_bench.report.comparison import comparison_table, difference_table, quotation_table
from ood_bench.report.conventions import (
    BESIDE,
    BITS,
    CLAIMS,
    COMPARED,
    DATA,
    DETECTION,
    DIFFERENCES,
    QUOTED,
    TRAINING,
)
from ood_bench.report.escape import escape, paragraph
from ood_bench.report.figures import Picture
from ood_bench.report.findings import findings_table
from ood_bench.report.measured import bits_table, detection_table
from ood_bench.report.numbers import names, percent, plural
from ood_bench.report.overview import Overview
from ood_bench.report.provenance import (
    beside_table,
    claims_table,
    data_table,
    omission_table,
    run_table,
    training_table,
)
from ood_bench.report.texttable import TextTable
from ood_bench.results import FindingRow, Results, Verdict

_ROWS = "[tables/results.csv](tables/results.csv)"
_INTERVAL = re.compile(r"-?[\d.]+ \[-?[\d.]+, -?[\d.]+\]")


def markdown(
    results: Results, pictures: Sequence[Picture] = (), overviews: Sequence[Overview] = ()
) -> str:
    """Return the whole page.

    Args:
        results: What a run found.
        pictures: Its figures, referred to by their paths.
        overviews: Its figures over all detectors, likewise.
    """
    notes = ["\n>\n".join(f"> {paragraph(note)}" for note in results.notes)]
    level = percent(results.level)
    blocks = [f"# {escape(results.title or results.suite)}", paragraph(results.about)]
    blocks += [_summary(results)]
    for heading, table, conventions in (
        ("Claims", claims_table(results), CLAIMS.format(level=level)),
        ("What was not reproduced", beside_table(results), BESIDE),
        ("Detectors compared", comparison_table(results), COMPARED),
        ("Measured and quoted", quotation_table(results), QUOTED),
        ("Detection", detection_table(results), DETECTION.format(level=level, rows=_ROWS)),
        ("Differences from the baseline", difference_table(results), DIFFERENCES),
        ("Bits per dimension", bits_table(results), BITS.format(level=level)),
        ("Training", training_table(results), TRAINING),
        ("Data", data_table(results), DATA),
        ("Audit of the data", sets_table(results.audit), SETS),
        (
            "What one number of an image tells apart",
            separations_table(results.audit),
            separations_note(results.level),
        ),
        ("Shared images", overlaps_table(results.audit), overlaps_note(results.audit)),
    ):
        if table.rows:
            blocks += [f"## {heading}", *notes, table_text(table), conventions]
        if heading == "Detectors compared":
            blocks += [
                f"![{escape(overview.title)}]({overview.path})\n\n{paragraph(overview.caption)}"
                for overview in overviews
            ]
    if pictures:
        blocks += ["## Figures", *notes, *_figures(pictures, results.findings)]
    for heading, table in (
        ("Left out", omission_table(results.skips, "Reason")),
        ("Failed", omission_table(results.failures, "Message")),
        ("Circumstances", run_table(results)),
    ):
        if table.rows:
            blocks += [f"## {heading}", table_text(table)]
    return "\n\n".join(filter(None, blocks)) + "\n"


def _summary(results: Results) -> str:
    """Return a paragraph on what was run and what came out."""
    if not results.rows:
        return f"Nothing was measured in this run of {escape(results.suite)}."
    parts = []
    for attribute, noun in (
        ("model", "model"),
        ("inside", "data set"),
        ("outside", "data set"),
        ("detector", "detector"),
    ):
        found = list(dict.fromkeys(getattr(row, attribute) for row in results.rows))
        found = [escape(name) for name in found if name]
        parts.append(f"{plural(len(found), noun)} ({names(found)})" if found else f"no {noun}")
    models, inside, outside, detectors = parts
    seeds = len({row.seed for row in results.rows} - {"all"}) or 1
    sentences = [
        f"{models} trained on {inside} and tried on {outside} with {detectors}; "
        f"{plural(seeds, 'seed')}."
    ]
    if results.claims:
        verdicts = [claim.verdict for claim in results.claims]
        known: tuple[Verdict, ...] = ("reproduced", "not reproduced", "not run")
        told = [f"{verdicts.count(verdict)} {verdict}" for verdict in known if verdict in verdicts]
        sentences.append(f"Of {plural(len(verdicts), 'claim')}: {', '.join(told)}.")
    if results.skips:
        sentences.append(
            f"{plural(len(results.skips), 'planned item')} left out, with reasons below."
        )
    if results.failures:
        sentences.append(f"**{plural(len(results.failures), 'item')} failed**, listed below.")
    return " ".join(sentences)


def table_text(table: TextTable) -> str:
    """Return a table with its footnotes as Markdown."""
    rule = ["---:" if header in table.numeric else ":---" for header in table.headers]
    head = [escape(header) for header in table.headers]
    body = ([_cell(text) for text in row] for row in table.rows)
    lines = "\n".join(f"| {' | '.join(cells)} |" for cells in (head, rule, *body))
    footnotes = "<br>\n".join(escape(note) for note in table.footnotes)
    return f"{lines}\n\n{footnotes}" if footnotes else lines


def _cell(text: str) -> str:
    """Return a cell; a number with its interval is left readable in the source."""
    return text if _INTERVAL.fullmatch(text) else escape(text)


def _figures(pictures: Iterable[Picture], findings: Sequence[FindingRow]) -> Iterable[str]:
    """Yield each analysis's figures and findings, with links to the figures of other seeds."""
    groups: dict[tuple[str, str], dict[tuple[str, str], list[Picture]]] = {}
    for picture in pictures:
        group = groups.setdefault((picture.table.analysis, picture.title), {})
        group.setdefault((picture.table.model, picture.table.inside), []).append(picture)
    for (analysis, title), studies in groups.items():
        yield f"### {escape(title)}"
        for (model, inside), (first, *others) in studies.items():
            alt = escape(f"{title}: {model} trained on {inside}")
            yield f"![{alt}]({first.path})"
            links = [f"[{other.table.seed}]({other.path})" for other in others]
            more = f" Seed {first.table.seed} is shown; also {names(links)}." if links else ""
            yield f"{paragraph(first.caption)}{more}"
            found = [
                row
                for row in findings
                if (row.analysis, row.model, row.inside) == (analysis, model, inside)
            ]
            if found:
                yield table_text(findings_table(found))
