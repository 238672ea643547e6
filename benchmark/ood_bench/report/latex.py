"""The report as LaTeX: a document that compiles as it is, and tables to take into a paper."""

from collections.abc import Iterator
from pathlib import Path

from ood_bench.files import write_whole
from ood_bench.report.document import Document, Figure, Picture, Section, Span
from ood_bench.report.encode import Encoding
from ood_bench.report.escape import spaced
from ood_bench.report.formats import Format
from ood_bench.report.pdf import Pdf
from ood_bench.report.tex import PREAMBLE, stressed, tex, tex_table
from ood_bench.report.texttable import TextTable, numbers

_ROWS = "tables/results.csv"
_HEAD = r"""% Compile with pdflatex or lualatex, twice. Each table is a file for a paper to \input.
\documentclass[10pt,a4paper,landscape]{article}
\usepackage[margin=15mm]{geometry}
\input{preamble}
\usepackage{graphicx}
\usepackage{caption}
\captionsetup{font=small,labelfont=bf,justification=raggedright,singlelinecheck=false}
\setlength{\parindent}{0pt}
\setlength{\parskip}{4pt}
\emergencystretch=3em
"""


class Latex(Format):
    """A document that compiles as it is; its tables and PDF figures are files to take into a paper.

    Each table is a file of its own, `tables/NAME.tex`, with its caption, which holds the
    conventions of its columns, and the label `tab:NAME`. They need what `preamble.tex` loads.
    """

    def encoding(self, *, small: bool) -> Encoding:  # noqa: ARG002  lines are small
        """Return PDF: lines and letters stay sharp at any size."""
        return Pdf()

    def write(self, document: Document, folder: Path) -> Path:
        """Write `report.tex`, of several runs `compare.tex`, and what it loads."""
        for path, text in latex(document).items():
            write_whole(folder / path, text)
        return folder / f"{document.name}.tex"


def latex(document: Document) -> dict[str, str]:
    """Return the files of the document by their paths."""
    files = {"preamble.tex": PREAMBLE}
    summary = "".join(map(_span, document.summary))
    caveats, notes = (
        [rf"\emph{{{tex(note)}}}" for note in said] for said in (document.caveats, document.notes)
    )
    body = [rf"\section*{{{tex(document.title)}}}", *caveats, tex(document.about), summary, *notes]
    for section in document.sections:
        body.append(_placed(section, files))
        body += [_figure(one.path, one.title, one.caption) for one in section.overviews]
    if figures := document.of(Picture):
        body.append(r"\section*{Figures}")
        for figure in figures:
            body += _study(figure, files)
    body += [_placed(section, files) for section in (*document.tables, *document.closing)]
    text = "\n\n".join(filter(None, body))
    page = f"{_HEAD}\\begin{{document}}\n\n{text}\n\n\\end{{document}}\n"
    return {f"{document.name}.tex": page, **files}


def _placed(section: Section, files: dict[str, str]) -> str:
    """Add a table's file and return the line of the document that loads it."""
    meaning = stressed(section.meaning(_ROWS))
    caption = rf"\textbf{{{tex(section.heading)}.}} {meaning}".strip()
    name = f"tables/{section.name}.tex"
    files[name] = tex_table(section.table, caption=caption, label=f"tab:{section.name}")
    return rf"\input{{{name}}}"


def _figure(path: str, title: str, caption: str) -> str:
    return (
        "\\begin{center}\\begin{minipage}{\\linewidth}\\centering\n"
        "\\includegraphics[width=\\linewidth,height=0.78\\textheight,keepaspectratio]"
        f"{{{path}}}\n"
        f"\\captionof{{figure}}{{\\textbf{{{tex(title)}.}} {tex(caption)}}}\n"
        "\\end{minipage}\\end{center}"
    )


def _study(figure: Figure[Picture], files: dict[str, str]) -> Iterator[str]:
    """Yield an analysis's figure of the first seed, and its findings as a table."""
    (seed, picture), *_ = figure.seeds
    of = f"{figure.first.title}: {figure.study}, seed {seed}"
    yield _figure(picture.path, of, figure.first.caption)
    if figure.findings:
        name = picture.path.removeprefix("figures/").rpartition(".")[0]
        turned = _turned(figure.findings)
        yield _placed(Section(name, f"{of}; pooled over seeds", turned), files)


def _turned(table: TextTable) -> TextTable:
    """Return a table transposed if that makes it narrower."""
    if len(table.columns) - 1 <= len(table.rows):
        return table
    first, *names = table.columns
    columns = numbers(*(row[0] for row in table.rows))
    rows = tuple(
        (name.heading, *(row[i + 1] for row in table.rows)) for i, name in enumerate(names)
    )
    return TextTable((first, *columns), rows, table.footnotes)


def _span(span: Span) -> str:
    text = spaced(span.text, tex(span.text))
    return rf"\textbf{{{text}}}" if span.stressed else text
