"""Reports as files, each written under a temporary name and renamed."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from ood_bench.report.code import source_digest, together
from ood_bench.report.encode import Encoding
from ood_bench.report.figures import Tell, draw_all, file_stem
from ood_bench.report.latex import latex
from ood_bench.report.made import Made, write
from ood_bench.report.markdown import markdown
from ood_bench.report.overview import draw_overviews
from ood_bench.report.pdf import Pdf
from ood_bench.report.png import PRINT, SCREEN
from ood_bench.report.tablecsv import table_csv
from ood_bench.report.tidy import audit_csv, comparison_csv, csv_text, findings_csv, json_text
from ood_bench.results import AnalysisTable, Results

if TYPE_CHECKING:
    from ood_bench.analyses import Analysis

Format = Literal["markdown", "html", "latex", "csv", "json"]

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
    """
    folder.mkdir(parents=True, exist_ok=True)
    if format == "csv":
        return write(folder / "results.csv", csv_text(results))
    if format == "json":
        return write(folder / "results.json", json_text(results))
    encoding: Encoding = Pdf() if format == "latex" else SCREEN if small else PRINT
    if format == "html":
        return write(folder / "report.html", _page(results, folder, analyses, encoding, run, tell))
    with Made(folder, run) as made:
        _write_tables(results, folder / "tables", made, small=small)
        pictures = list(draw_all(results.analyses, analyses, made, encoding, tell))
        overviews = list(draw_overviews(results, made, encoding))
    if format == "latex":
        for path, text in latex(results, pictures, overviews).items():
            write(folder / path, text)
        return folder / "report.tex"
    return write(folder / "report.md", markdown(results, pictures, overviews))


def _page(
    results: Results,
    folder: Path,
    analyses: "Mapping[str, Analysis]",
    encoding: Encoding,
    run: Path | None,
    tell: Tell | None,
) -> str:
    """Return the HTML report; its figures are kept in a run's own folder alone."""
    from ood_bench.report.html import drawn_in_page, html

    shown = [
        table
        for table in results.analyses
        if table.analysis not in analyses or not drawn_in_page(analyses[table.analysis])
    ]
    with Made(folder if folder == run else None, run) as made:
        pictures = list(draw_all(shown, analyses, made, encoding, tell))
        overviews = list(draw_overviews(results, made, encoding))
    return html(results, analyses, pictures, overviews)


def _write_tables(results: Results, folder: Path, made: Made, *, small: bool) -> None:
    """Write all measured values and all analyses' tables, of a small report those not large."""
    write(folder / "results.csv", csv_text(results))
    if results.findings:
        write(folder / "findings.csv", findings_csv(results))
    if results.audit:
        write(folder / "audit.csv", audit_csv(results))
    if results.comparison:
        write(folder / "comparison.csv", comparison_csv(results))
    code = source_digest(table_csv.__module__)

    def text(table: AnalysisTable) -> str | None:
        found = table_csv(table.table)
        return None if small and len(found) > LARGE else found

    for table in results.analyses:
        of = together(table.digest, code, f"small: {small}")
        made.file(f"tables/{file_stem(table)}.csv", of, partial(text, table))
