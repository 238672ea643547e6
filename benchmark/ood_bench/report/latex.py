"""The report as LaTeX: a document that compiles as it is, and tables to take into a paper."""

from collections.abc import Iterable, Iterator, Sequence

from ood_bench.report.figures import Picture
from ood_bench.report.findings import findings_table
from ood_bench.report.markdown import summary
from ood_bench.report.overview import Overview
from ood_bench.report.sections import COMPARED_HEADING, Section, measured_sections, other_sections
from ood_bench.report.tex import PREAMBLE, stressed, tex, tex_table
from ood_bench.report.texttable import TextTable, numbers
from ood_bench.results import FindingRow, Results

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


def latex(
    results: Results,
    pictures: Sequence[Picture] = (),
    overviews: Sequence[Overview] = (),
    tables: Sequence[Section] = (),
) -> dict[str, str]:
    """Return the files of the document by their paths, `report.tex` among them.

    Each table is a file of its own, `tables/NAME.tex`, with its caption, which holds the
    conventions of its columns, and the label `tab:NAME`. They need what `preamble.tex` loads.

    Args:
        results: What a run found.
        pictures: Its figures, referred to by their paths.
        overviews: Its figures over all detectors, likewise.
        tables: Tables of analyses that have no figure.
    """
    files = {"preamble.tex": PREAMBLE}
    title = tex(results.title or results.suite)
    body = [rf"\section*{{{title}}}", tex(results.about), stressed(summary(results, _same))]
    body += [rf"\emph{{{tex(note)}}}" for note in results.notes]
    for section in measured_sections(results, rows="tables/results.csv"):
        body.append(_placed(section, files))
        if section.heading == COMPARED_HEADING:
            body += [_figure(one.path, one.title, one.caption) for one in overviews]
    if pictures:
        body += [r"\section*{Figures}", *_figures(pictures, results.findings, files)]
    body += [_placed(section, files) for section in tables]
    body += [_placed(section, files) for section in other_sections(results)]
    text = "\n\n".join(filter(None, body))
    document = f"{_HEAD}\\begin{{document}}\n\n{text}\n\n\\end{{document}}\n"
    return {"report.tex": document, **files}


def _placed(section: Section, files: dict[str, str]) -> str:
    """Add a table's file and return what stands for it in the document."""
    caption = rf"\textbf{{{tex(section.heading)}.}} {stressed(section.conventions)}".strip()
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


def _figures(
    pictures: Iterable[Picture], findings: Sequence[FindingRow], files: dict[str, str]
) -> Iterator[str]:
    """Yield each analysis's figures of the first seed, and its findings as tables."""
    shown: set[tuple[str, str, str]] = set()
    for picture in pictures:
        table = picture.table
        address = (table.analysis, table.model, table.inside)
        if address in shown:
            continue
        shown.add(address)
        of = f"{picture.title}: {table.model} trained on {table.inside}, seed {table.seed}"
        yield _figure(picture.path, of, picture.caption)
        found = [row for row in findings if (row.analysis, row.model, row.inside) == address]
        if found:
            name = picture.path.removeprefix("figures/").rpartition(".")[0]
            turned = _turned(findings_table(found))
            yield _placed(Section(name, f"{of}; pooled over seeds", turned), files)


def _turned(table: TextTable) -> TextTable:
    """Return a table with rows for columns where that makes it narrower."""
    if len(table.columns) - 1 <= len(table.rows):
        return table
    first, *names = table.columns
    columns = numbers(*(row[0] for row in table.rows))
    rows = tuple(
        (name.heading, *(row[i + 1] for row in table.rows)) for i, name in enumerate(names)
    )
    return TextTable((first, *columns), rows, table.footnotes)


def _same(name: str) -> str:
    return name
