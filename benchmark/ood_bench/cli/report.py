"""`ood-bench report`: tables and figures of a run, from the store alone."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from ood_bench.cli.compare import write_comparison
from ood_bench.cli.console import say
from ood_bench.cli.drawing import Drawing
from ood_bench.cli.options import ReportFormat, ResultsRoot, TrustCode, output_option
from ood_bench.cli.tables import rich_table

if TYPE_CHECKING:
    from ood_bench.report.drawers import Drawers
    from ood_bench.runs import RunRecord

Run = Annotated[
    str | None,
    typer.Argument(
        metavar="[RUN]",
        help="A run's folder, its name, or its suite's name; default: the latest run.",
        show_default=False,
    ),
]


def report(
    runs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[RUN]...",
            help="A run's folder, its name, or its suite's name; default: the latest run. Several "
            "runs are compared with the first.",
            show_default=False,
        ),
    ] = None,
    results: ResultsRoot = Path("results"),
    output: Annotated[
        Path | None,
        output_option(
            "Where the files go; default: the run's folder, or for several runs a new folder in "
            "the results folder."
        ),
    ] = None,
    format: ReportFormat = "markdown",
    trust_code: TrustCode = False,
) -> None:
    """Write the tables and figures of a run: Markdown, one HTML file, LaTeX, tidy CSV, or JSON.

    Prints the path of the report. With several runs the report compares them.
    `ood-bench formats list` shows all formats.
    """
    from ood_bench.report import write_report
    from ood_bench.runs import collect, find_run, is_archive, read_record, store_of

    if runs and len(runs) > 1:
        say(write_comparison(runs, results, output, format))
        return
    folder = find_run(results, runs[0] if runs else None)
    record = read_record(folder)
    with store_of(folder, results, record) as store:
        found = collect(record, store)
    drawn = _drawers(record, folder, trust=trust_code)
    with Drawing() as drawing:
        path = write_report(
            found,
            output or folder,
            format=format,
            analyses=drawn.analyses,
            reasons=drawn.reasons,
            small=is_archive(folder),
            run=folder,
            tell=drawing,
        )
    say(path)


def archive(
    output: Annotated[
        Path,
        output_option("Where the files go."),
    ],
    run: Run = None,
    results: ResultsRoot = Path("results"),
    scores: Annotated[
        bool,
        typer.Option(
            help="Keep the detectors' scores; they can be computed again from the statistics."
        ),
    ] = True,
    skip: Annotated[
        list[str] | None,
        typer.Option(
            metavar="GLOB",
            help="Leave out figures, such as those with images that you may not pass on.",
            show_default=False,
        ),
    ] = None,
    trust_code: TrustCode = False,
) -> None:
    """Write a run to one folder that holds all that reports need, without weights.

    The folder holds the Markdown report with screen-size figures and all but the largest tables,
    the run's record, and all statistics and scores as Parquet in one cells.zip.
    `ood-bench report DIR` reads it.
    """
    from ood_bench.report import write_report
    from ood_bench.runs import (
        archive,
        collect,
        find_run,
        read_record,
        store_of,
        without_figures,
    )

    folder = find_run(results, run)
    record = without_figures(read_record(folder), tuple(skip or ()))
    drawn = _drawers(record, folder, trust=trust_code)
    with store_of(folder, results, record) as store:
        found = collect(archive(record, store, output, scores=scores), store)
    with Drawing() as drawing:
        write_report(
            found,
            output,
            format="markdown",
            analyses=drawn.analyses,
            reasons=drawn.reasons,
            small=True,
            run=folder,
            tell=drawing,
        )
    say(output)


def _drawers(record: "RunRecord", folder: Path, *, trust: bool) -> "Drawers":
    """Return what draws a run's figures: installed analyses, and the user's own of an own run."""
    from ood_bench.registry import Registry
    from ood_bench.report.drawers import drawers

    return drawers(record, Registry(Path(record.base or folder), trust=trust or record.own))


def show_report(console: Console, folder: Path, results: Path) -> None:
    """Write the Markdown report of a run made just now, print its table and where it lies."""
    from ood_bench.report import terminal_sections, write_report
    from ood_bench.runs import collect, read_record
    from ood_bench.store import Store

    record = read_record(folder)
    found = collect(record, Store(results / "store"))
    analyses, reasons = _drawers(record, folder, trust=True)
    with Drawing() as drawing:
        path = write_report(
            found, folder, format="markdown", analyses=analyses, reasons=reasons, tell=drawing
        )
    for note in found.notes:
        _say(console, note)
    sections = terminal_sections(found)
    for section in sections:
        console.print(rich_table(section.table, title=section.heading), "")
    for footnote in (text for section in sections for text in section.table.footnotes):
        _say(console, footnote)
    for claim in found.claims:
        _say(console, f"{claim.judged}: {claim.says}")
    _say(console, f"report: {path}")


def _say(console: Console, text: str) -> None:
    console.print(text, highlight=False, markup=False, soft_wrap=True)
