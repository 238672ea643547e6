"""Reports as files, each written under a temporary name and renamed."""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from ood_bench.files import write_whole
from ood_bench.report.code import source_digest, together
from ood_bench.report.encode import Encoding
from ood_bench.report.figures import Picture, Tell, draw_all, file_stem
from ood_bench.report.latex import latex
from ood_bench.report.made import Made
from ood_bench.report.markdown import markdown
from ood_bench.report.overview import draw_overviews
from ood_bench.report.pdf import Pdf
from ood_bench.report.png import PRINT, SCREEN
from ood_bench.report.sections import Section
from ood_bench.report.tablecsv import table_csv
from ood_bench.report.tabled import Undrawn, tabled
from ood_bench.report.tidy import audit_csv, comparison_csv, csv_text, findings_csv, json_text
from ood_bench.results import AnalysisTable, Results

if TYPE_CHECKING:
    from ood_bench.analyses import Analysis

Format = Literal["markdown", "html", "latex", "csv", "json"]

log = logging.getLogger(__name__)

LARGE = 1 << 15


def write_report(
    results: Results,
    folder: Path,
    *,
    format: Format,
    analyses: "Mapping[str, Analysis]",
    small: bool = False,
    run: Path | None = None,
    tell: Tell | None = None,
    reasons: Mapping[str, str] | None = None,
) -> Path:
    """Write a report and return its path.

    Figures and analyses' tables that lie in `folder` or in the run's own are not made anew
    unless the stored table, the code that draws it or the encoding is another.

    Args:
        results: What a run found.
        folder: Where the files go; made if it is not there.
        format: `markdown` writes `report.md`, `figures/*.png` and `tables/*.csv`, `html`
            `report.html`, which holds all that it shows, `latex` `report.tex`, `preamble.tex`,
            `tables/*.tex` and `figures/*.pdf` beside the CSV, `csv` `results.csv` and `json`
            `results.json`.
        analyses: The analyses by the suite's names, which draw their tables; `csv` and `json`
            do not read them.
        small: Whether figures are for a screen, in few colours, and analyses' tables of more
            than `LARGE` bytes are left out.
        run: The run's own folder.
        tell: Called after each analysis's figure with how many of all are there.
        reasons: Why some analyses are not given, by their names; their tables are shown instead.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if format == "csv":
        return write_whole(folder / "results.csv", csv_text(results))
    if format == "json":
        return write_whole(folder / "results.json", json_text(results))
    encoding: Encoding = Pdf() if format == "latex" else SCREEN if small else PRINT
    if format == "html":
        page = _page(results, folder, analyses, encoding, run, tell, reasons or {})
        return write_whole(folder / "report.html", page)
    with Made(folder, run) as made:
        _write_tables(results, folder / "tables", made, small=small)
        drawn = draw_all(results.analyses, analyses, made, encoding, tell, reasons)
        pictures, tables = _sorted(drawn)
        overviews = list(draw_overviews(results, made, encoding))
    if format == "latex":
        for path, text in latex(results, pictures, overviews, tables).items():
            write_whole(folder / path, text)
        return folder / "report.tex"
    return write_whole(folder / "report.md", markdown(results, pictures, overviews, tables))


def _sorted(drawn: Iterable[Picture | Undrawn]) -> tuple[list[Picture], list[Section]]:
    """Return the figures, and the tables that have none."""
    pictures, tables = list[Picture](), list[Section]()
    for item in drawn:
        if isinstance(item, Picture):
            pictures.append(item)
        else:
            tables.append(tabled(item, file_stem(item.table)))
            log.warning("%s: no figure: %s", tables[-1].heading, item.reason)
    return pictures, tables


def _page(
    results: Results,
    folder: Path,
    analyses: "Mapping[str, Analysis]",
    encoding: Encoding,
    run: Path | None,
    tell: Tell | None,
    reasons: Mapping[str, str],
) -> str:
    """Return the HTML report; its figures are kept in a run's own folder alone."""
    from ood_bench.report.html import drawn_in_page, fails_in_page, html

    inside, failing, others = list[AnalysisTable](), list[Undrawn](), list[AnalysisTable]()
    for table in results.analyses:
        if table.analysis not in analyses or not drawn_in_page(analyses[table.analysis]):
            others.append(table)
        elif reason := fails_in_page(table, analyses[table.analysis]):
            failing.append(Undrawn(table, reason))
        else:
            inside.append(table)
    with Made(folder if folder == run else None, run) as made:
        drawn = draw_all(others, analyses, made, encoding, tell, reasons)
        pictures, tables = _sorted([*failing, *drawn])
        overviews = list(draw_overviews(results, made, encoding))
    return html(replace(results, analyses=tuple(inside)), analyses, pictures, overviews, tables)


def _write_tables(results: Results, folder: Path, made: Made, *, small: bool) -> None:
    """Write all measured values and all analyses' tables, of a small report those not large."""
    write_whole(folder / "results.csv", csv_text(results))
    if results.findings:
        write_whole(folder / "findings.csv", findings_csv(results))
    if results.audit:
        write_whole(folder / "audit.csv", audit_csv(results))
    if results.comparison:
        write_whole(folder / "comparison.csv", comparison_csv(results))
    code = source_digest(table_csv.__module__)

    def text(table: AnalysisTable) -> str | None:
        found = table_csv(table.table)
        return None if small and len(found) > LARGE else found

    for table in results.analyses:
        of = together(table.digest, code, f"small: {small}")
        made.file(f"tables/{file_stem(table)}.csv", of, partial(text, table))
