"""The report as a Markdown page, as GitHub shows it."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from ood_bench.files import write_whole
from ood_bench.report.document import Document, Figure, Picture, Section, Span
from ood_bench.report.escape import escape, paragraph, spaced
from ood_bench.report.formats import Format
from ood_bench.report.numbers import names
from ood_bench.report.texttable import TextTable

_ROWS = "[tables/results.csv](tables/results.csv)"
_INTERVAL = re.compile(
    r"-?[\d.,e]+ \[-?[\d.,e]+, -?[\d.,e]+\](?:, [a-z0-9 ]+| [A-Za-z][A-Za-z/@0-9-]*)?"
    r"(?: [⁰¹²³⁴⁵⁶⁷⁸⁹,]+)?"
)


class Markdown(Format):
    """A page as GitHub shows it, with figures as PNG and tables as CSV beside it."""

    def write(self, document: Document, folder: Path) -> Path:
        """Write `report.md`, of several runs `compare.md`."""
        return write_whole(folder / f"{document.name}.md", markdown(document))


def markdown(document: Document) -> str:
    """Return the whole page."""
    caveats = [_quoted(document.caveats)]
    blocks = [f"# {escape(document.title)}", *caveats, paragraph(document.about)]
    blocks += ["".join(map(_span, document.summary)), _quoted(document.notes)]
    for section in document.sections:
        blocks += [f"## {section.heading}", *caveats, *_section(section)]
    if groups := document.groups(Picture):
        blocks += ["## Figures", *caveats]
        for group in groups:
            blocks.append(f"### {escape(group.title)}")
            for figure in group.figures:
                blocks += _figure(figure)
    if document.tables:
        blocks += ["## Tables without a figure", *caveats]
        for section in document.tables:
            blocks += [f"### {escape(section.heading)}", table_text(section.table)]
    for section in document.closing:
        blocks += [f"## {section.heading}", table_text(section.table)]
    return "\n\n".join(filter(None, blocks)) + "\n"


def table_text(table: TextTable) -> str:
    """Return a table with its footnotes as Markdown."""
    rule = ["---:" if column.numeric else ":---" for column in table.columns]
    head = [escape(header) for header in table.headers]
    body = ([_cell(text) for text in row] for row in table.rows)
    lines = "\n".join(f"| {' | '.join(cells)} |" for cells in (head, rule, *body))
    footnotes = "<br>\n".join(escape(note) for note in table.footnotes)
    return f"{lines}\n\n{footnotes}" if footnotes else lines


def _cell(text: str) -> str:
    """Return a cell; a number with its interval is not escaped, so the source stays readable."""
    return text if _INTERVAL.fullmatch(text) else escape(text)


def _section(section: Section) -> Iterator[str]:
    """Yield a section's table, what its columns mean, and the figures that go with it."""
    yield table_text(section.table)
    yield section.meaning(_ROWS)
    for overview in section.overviews:
        yield f"![{escape(overview.title)}]({overview.path})\n\n{paragraph(overview.caption)}"


def _figure(figure: Figure[Picture]) -> Iterator[str]:
    """Yield an analysis's figure and findings, with links to the figures of other seeds."""
    (seed, shown), *others = figure.seeds
    yield f"![{escape(f'{figure.first.title}: {figure.study}')}]({shown.path})"
    links = [f"[{other}]({picture.path})" for other, picture in others]
    more = f" Seed {seed} is shown; also {names(links)}." if links else ""
    yield f"{paragraph(figure.first.caption)}{more}"
    if figure.findings:
        yield table_text(figure.findings)


def _quoted(notes: Iterable[str]) -> str:
    return "\n>\n".join(f"> {paragraph(note)}" for note in notes)


def _span(span: Span) -> str:
    text = spaced(span.text, escape(span.text))
    return f"**{text}**" if span.stressed else text
