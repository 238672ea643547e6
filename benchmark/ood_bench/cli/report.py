"""`ood-bench report`: tables and figures of a run, from the store alone."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.console import Console

from ood_bench.cli.compare import write_comparison
from ood_bench.cli.console import say
from ood_bench.cli.options import (
    RUN,
    ReportFormat,
    ResultsRoot,
    SkipFigures,
    TrustCode,
    output_option,
)
from ood_bench.cli.progress import Display
from ood_bench.cli.tables import rich_table
from ood_bench.errors import SuiteError
from ood_bench.files import write_whole

if TYPE_CHECKING:
    from ood_bench import api
    from ood_bench.report.compact import Spread

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
    table: Annotated[
        Literal["compact"] | None,
        typer.Option(
            help="Write this table alone, for a paper: detectors down, pairs across, the best of "
            "each column bold. With --format markdown or latex.",
            show_default=False,
        ),
    ] = None,
    metric: Annotated[
        str | None,
        typer.Option(metavar="NAME,...", help="Of the table. Default: auroc.", show_default=False),
    ] = None,
    models: Annotated[
        str | None,
        typer.Option(metavar="GLOB,...", help="Of the table. Default: all.", show_default=False),
    ] = None,
    detectors: Annotated[
        str | None,
        typer.Option(metavar="GLOB,...", help="Of the table. Default: all.", show_default=False),
    ] = None,
    pairs: Annotated[
        str | None,
        typer.Option(
            metavar="INSIDE:OUTSIDE,...",
            help="Globs over the pairs of the table. Default: all.",
            show_default=False,
        ),
    ] = None,
    seeds: Annotated[
        Literal["mean-sd", "mean-interval", "mean"] | None,
        typer.Option(
            help="What stands beside a mean in the table. Default: mean-sd.", show_default=False
        ),
    ] = None,
    figures: Annotated[
        Literal["pdf"] | None,
        typer.Option(
            help="Write every figure as a PDF file too, below figures/, with TrueType fonts. "
            "The figures of --format latex are these.",
            show_default=False,
        ),
    ] = None,
    width: Annotated[
        float | None,
        typer.Option(
            metavar="INCHES",
            help="Width of PDF figures: about 3.3 for a column, 5.5 to 7 for a page. Default: as "
            "they are drawn.",
            show_default=False,
        ),
    ] = None,
    font_size: Annotated[
        float | None,
        typer.Option(
            metavar="POINTS", help="Font size of PDF figures. Default: 9.", show_default=False
        ),
    ] = None,
    trust_code: TrustCode = False,
) -> None:
    """Write the tables and figures of a run: Markdown, one HTML file, LaTeX, tidy CSV, or JSON.

    Prints the path of the report. With several runs the report compares them.
    `ood-bench formats list` shows all formats.
    """
    from ood_bench import api

    given = {"metric": metric, "models": models, "detectors": detectors, "pairs": pairs}
    named = {name: value for name, value in given.items() if value is not None}
    for name, value in (("width", width), ("font-size", font_size)):
        if value is not None and figures is None:
            raise SuiteError(f"--{name}: it is of --figures pdf")
    if figures and (table or (runs and len(runs) > 1)):
        raise SuiteError("--figures pdf: it is of the report of one run")
    if table is not None:
        globs = {name: [part.strip() for part in value.split(",")] for name, value in named.items()}
        say(_compact(runs or [], results, output, format, globs, seeds, trust_code=trust_code))
        return
    if seeds:
        named["seeds"] = seeds
    if named:
        raise SuiteError(f"--{next(iter(named))}: it is of --table compact")
    if runs and len(runs) > 1:
        say(write_comparison(runs, results, output, format))
        return
    found = api.load_run(runs[0] if runs else None, results=results, trust_code=trust_code)
    with Display("reading the run") as display:
        path = found.report(
            format,
            output=output,
            figures=figures,
            width=width,
            font_size=font_size,
            progress=display,
        )
    say(path)


def _compact(
    runs: list[str],
    results: Path,
    output: Path | None,
    format: str,
    globs: dict[str, Any],
    seeds: "Spread | None",
    *,
    trust_code: bool,
) -> Path:
    """Write the compact table, and return its path."""
    from ood_bench import api

    if format not in ("markdown", "latex"):
        raise SuiteError(f"--format {format}: the compact table is markdown or latex")
    if len(runs) > 1:
        raise SuiteError("--table compact: give one run")
    found = api.load_run(runs[0] if runs else None, results=results, trust_code=trust_code)
    made = found.compact_table(**{"metric": "auroc", **globs}, seeds=seeds or "mean-sd")
    text, suffix = (made.latex(), "tex") if format == "latex" else (made.markdown(), "md")
    return write_whole((output or found.folder) / f"compact.{suffix}", text)


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
    skip: SkipFigures = None,
    trust_code: TrustCode = False,
) -> None:
    """Write a run to one folder that holds all that reports need, without weights.

    The folder holds the Markdown report with screen-size figures and all but the largest tables,
    the run's record, and all statistics and scores as Parquet in one cells.zip.
    `ood-bench report DIR` reads it.
    """
    from ood_bench import api

    found = api.load_run(run, results=results, trust_code=trust_code)
    with Display("reading the run") as display:
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
