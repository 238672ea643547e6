"""The report as a Markdown page, as GitHub shows it."""

import re
from collections.abc import Callable, Iterable, Sequence

from ood_bench.report.escape import escape, paragraph
from ood_bench.report.figures import Picture
from ood_bench.report.findings import findings_table
from ood_bench.report.numbers import names, plural
from ood_bench.report.overview import Overview
from ood_bench.report.sections import (
    COMPARED_HEADING,
    Section,
    measured_sections,
    other_sections,
)
from ood_bench.report.texttable import TextTable
from ood_bench.results import FindingRow, Results, Verdict, by_one

_ROWS = "[tables/results.csv](tables/results.csv)"
_INTERVAL = re.compile(r"-?[\d.]+ \[-?[\d.]+, -?[\d.]+\](?:, [a-z0-9 ]+)?(?: [⁰¹²³⁴⁵⁶⁷⁸⁹,]+)?")


def markdown(
    results: Results,
    pictures: Sequence[Picture] = (),
    overviews: Sequence[Overview] = (),
    tables: Sequence[Section] = (),
) -> str:
    """Return the whole page.

    Args:
        results: What a run found.
        pictures: Its figures, referred to by their paths.
        overviews: Its figures over all detectors, likewise.
        tables: Tables of analyses that have no figure.
    """
    notes = ["\n>\n".join(f"> {paragraph(note)}" for note in results.notes)]
    blocks = [f"# {escape(results.title or results.suite)}", paragraph(results.about)]
    blocks += [summary(results, escape)]
    for _, heading, table, conventions in measured_sections(results, rows=_ROWS):
        blocks += [f"## {heading}", *notes, table_text(table), conventions]
        if heading == COMPARED_HEADING:
            blocks += [
                f"![{escape(overview.title)}]({overview.path})\n\n{paragraph(overview.caption)}"
                for overview in overviews
            ]
    if pictures:
        blocks += ["## Figures", *notes, *_figures(pictures, results.findings)]
    if tables:
        blocks += ["## Tables without a figure", *notes]
        for section in tables:
            blocks += [f"### {escape(section.heading)}", table_text(section.table)]
    for _, heading, table, _ in other_sections(results):
        blocks += [f"## {heading}", table_text(table)]
    return "\n\n".join(filter(None, blocks)) + "\n"


def summary(results: Results, escape: Callable[[str], str]) -> str:
    """Return a paragraph on what was run and what came out; `**` stands around words to stress.

    Args:
        results: What a run found.
        escape: Makes names safe on the page.
    """
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
        f"{plural(seeds, 'seed') if seeds > 1 else 'one training of each model'}."
    ]
    if results.claims:
        verdicts = [claim.verdict for claim in results.claims]
        known: tuple[Verdict, ...] = ("reproduced", "not reproduced", "not run")
        told = [f"{verdicts.count(verdict)} {verdict}" for verdict in known if verdict in verdicts]
        by = by_one(claim.trainings for claim in results.claims)
        by = f", each{by}" if by else ""
        sentences.append(f"Of {plural(len(verdicts), 'claim')}: {', '.join(told)}{by}.")
    if results.skips:
        sentences.append(
            f"{plural(len(results.skips), 'planned item')} left out, with reasons below."
        )
    if results.failures:
        sentences.append(f"**{plural(len(results.failures), 'item')} failed**, listed below.")
    return " ".join(sentences)


def table_text(table: TextTable) -> str:
    """Return a table with its footnotes as Markdown."""
    rule = ["---:" if column.numeric else ":---" for column in table.columns]
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
