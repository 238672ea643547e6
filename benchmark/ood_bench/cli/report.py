"""`ood-bench report`: tables and figures of a run, from the store alone."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from ood_bench.cli.compare import write_comparison
from ood_bench.cli.console import say
from ood_bench.cli.options import RUN, ReportFormat, ResultsRoot, TrustCode, output_option
from ood_bench.cli.progress import Display
from ood_bench.cli.tables import rich_table

if TYPE_CHECKING:
    from ood_bench import api

Run = Annotated[
    str | None,
    typer.Argument(
        metavar="[RUN]",
        help=f"{RUN} Default: the latest run.",
        show_default=False,
    ),
]


def report(
    runs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[RUN]...",
            help=f"{RUN} Default: the latest run. Several runs are compared with the first.",
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
    from ood_bench import api

    if runs and len(runs) > 1:
        say(write_comparison(runs, results, output, format))
        return
    found = api.load_run(runs[0] if runs else None, results=results, trust_code=trust_code)
    with Display() as display:
        path = found.report(format, output=output, progress=display)
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
    from ood_bench import api

    found = api.load_run(run, results=results, trust_code=trust_code)
    with Display() as display:
        say(found.archive(output, scores=scores, skip=skip or (), progress=display))


def print_run(console: Console, run: "api.Run") -> None:
    """Print the table of a run made just now, its claims, and where its report lies."""
    from ood_bench.report import terminal_sections

    found = run.results
    for note in found.notes:
        _say(console, note)
    sections = terminal_sections(found)
    for section in sections:
        console.print(rich_table(section.table, title=section.heading), "")
    for footnote in (text for section in sections for text in section.table.footnotes):
        _say(console, footnote)
    for claim in found.claims:
        _say(console, f"{claim.judged}: {claim.says}")
    _say(console, f"report: {run.folder / 'report.md'}")


def _say(console: Console, text: str) -> None:
    console.print(text, highlight=False, markup=False, soft_wrap=True)
