"""Reports as files, each written under a temporary name and renamed."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ood_bench.files import write_whole
from ood_bench.hashing import digest
from ood_bench.report.code import source_digest, together
from ood_bench.report.compose import run_document
from ood_bench.report.corruptions import draw_corruptions
from ood_bench.report.document import Overview, Shown
from ood_bench.report.encode import Encoding
from ood_bench.report.figures import DrawingProgress, file_stem, show_all
from ood_bench.report.file_cache import FileCache
from ood_bench.report.formats import load_format
from ood_bench.report.overview import draw_overviews
from ood_bench.report.pdf import Pdf
from ood_bench.report.run_comparison import run_comparison_document
from ood_bench.report.tablecsv import table_csv
from ood_bench.report.tabled import Undrawn
from ood_bench.report.tidy import records, records_csv
from ood_bench.report.variants import draw_variants
from ood_bench.results import AnalysisTable, Results, RunComparison

if TYPE_CHECKING:
    from ood_bench.analyses import Analysis

LARGE = 1 << 15


def write_report(
    results: Results,
    folder: Path,
    *,
    format: str,
    analyses: "Mapping[str, Analysis]",
    small: bool = False,
    run: Path | None = None,
    progress: DrawingProgress | None = None,
    reasons: Mapping[str, str] | None = None,
    pdf: Pdf | None = None,
) -> Path:
    """Write a report and return its path.

    Figures and analyses' tables in `folder` or in the run's own folder are reused, unless the
    stored table, the code that draws it or the encoding has changed.

    Args:
        results: The results of a run.
        folder: The target folder; created if missing.
        format: The name of a format: `markdown` writes `report.md`, `figures/*.png` and
            `tables/*.csv`, `html` `report.html`, which holds all that it shows, `latex`
            `report.tex`, `preamble.tex`, `tables/*.tex` and `figures/*.pdf` beside the CSV,
            `csv` `results.csv` and `json` `results.json`.
        analyses: The analyses by the suite's names, which draw their tables; a format without
            figures does not read them.
        small: Whether figures are for a screen, in few colours, and analyses' tables of more
            than `LARGE` bytes are left out.
        run: The run's own folder.
        progress: Called after each figure with the number of finished figures and the total.
        reasons: Why some analyses are not given, by their names; their tables are shown instead.
        pdf: Write every figure as a PDF file too, beside the report; the figures of LaTeX are
            these.

    Raises:
        PluginError: If there is no such format.
    """
    writer = load_format(format)
    folder.mkdir(parents=True, exist_ok=True)
    encoding = writer.encoding(small=small)
    if pdf is not None and isinstance(encoding, Pdf):
        encoding, pdf = pdf, None
    draw = partial(_draw, results, analyses, progress=progress, reasons=reasons)
    if pdf is not None:
        with FileCache(folder, run) as cache:
            draw(cache, pdf)
    if encoding is None:
        return writer.write(run_document(results), folder)
    with FileCache(None if writer.single and folder != run else folder, run) as cache:
        if not writer.single:
            _write_tables(results, folder / "tables", cache, small=small)
        document = run_document(results, *draw(cache, encoding, draws=writer.draws))
    return writer.write(document, folder)


def _draw(
    results: Results,
    analyses: "Mapping[str, Analysis]",
    cache: FileCache,
    encoding: Encoding,
    *,
    draws: bool = False,
    progress: DrawingProgress | None,
    reasons: Mapping[str, str] | None,
) -> tuple[list[Shown | Undrawn], tuple[Overview, ...]]:
    """Show the tables of all analyses by `show_all`, and draw the figures over all detectors."""
    from ood_bench.analyses.style import colours_of_report

    sets = outside_sets(results)
    with colours_of_report(sets):
        shown = show_all(
            results.analyses,
            analyses,
            cache,
            encoding,
            draws=draws,
            progress=progress,
            reasons=reasons,
            among=digest(sets),
        )
        return list(shown), (
            *draw_overviews(results, cache, encoding),
            *draw_variants(results, cache, encoding),
            *draw_corruptions(results, cache, encoding),
        )


def outside_sets(results: Results) -> list[list[str]]:
    """Return the outside data sets of each inside, in the order of the run."""
    found: dict[str, dict[str, None]] = {}
    for row in results.rows:
        if row.outside:
            found.setdefault(row.inside, {})[row.outside] = None
    return [list(names) for names in found.values()]


def write_run_comparison(found: RunComparison, folder: Path, *, format: str) -> Path:
    """Write a report of several runs and return its path.

    Args:
        found: The runs side by side.
        folder: The target folder; created if missing.
        format: The name of a format; `compare.md`, `compare.csv` and their like. The columns of
            the CSV are those of `ComparedRow`; the JSON holds the same rows under `rows`, and
            `runs`, `level`, `claims` and `notes`.

    Raises:
        PluginError: If there is no such format.
    """
    folder.mkdir(parents=True, exist_ok=True)
    return load_format(format).write(run_comparison_document(found), folder)


def _write_tables(results: Results, folder: Path, cache: FileCache, *, small: bool) -> None:
    """Write all measured values and analyses' tables; a small report leaves out large tables."""
    for values in records(results):
        write_whole(folder / f"{values.name}.csv", records_csv(values))
    code = source_digest(table_csv.__module__)

    def text(table: AnalysisTable) -> str | None:
        found = table_csv(table.table)
        return None if small and len(found) > LARGE else found

    for table in results.analyses:
        of = together(table.digest, code, f"small: {small}")
        cache.file(f"tables/{file_stem(table)}.csv", of, partial(text, table))
