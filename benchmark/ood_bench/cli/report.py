"""`ood-bench report`: tables and figures of a run, from the store alone."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.console import Console
from rich.table import Table

from ood_bench.cli.compare import write_comparison
from ood_bench.cli.console import say
from ood_bench.cli.drawing import Drawing
from ood_bench.cli.options import ResultsRoot, TrustCode, output_folder
from ood_bench.errors import OodBenchError
from ood_bench.results.trainings import ONE

if TYPE_CHECKING:
    from ood_bench.report import TextTable
    from ood_bench.report.drawers import Drawers
    from ood_bench.runs import RunRecord

Format = Literal["markdown", "html", "latex", "csv", "json"]

Run = Annotated[
    str | None,
    typer.Argument(
        metavar="[RUN]",
        help="A run's folder, its name, or its suite's name; the latest unless said.",
        show_default=False,
    ),
]


def report(
    runs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[RUN]...",
            help="A run's folder, its name, or its suite's name; the latest unless said. Several "
            "are compared with the first.",
            show_default=False,
        ),
    ] = None,
    results: ResultsRoot = Path("results"),
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="DIR",
            callback=output_folder,
            help="Where the files go; the run's folder unless said, for several runs one of its "
            "own in the results folder.",
            show_default=False,
        ),
    ] = None,
    format: Annotated[Format, typer.Option(help="What to write.")] = "markdown",
    trust_code: TrustCode = False,
) -> None:
    """Write the tables and figures of a run: Markdown, one HTML file, LaTeX, tidy CSV, or JSON.

    Prints the path of what it wrote: of several runs a comparison of what they have in common.
    """
    from ood_bench.report import write_report
    from ood_bench.runs import collect, find_run, is_archive, read_record, store_of

    if runs and len(runs) > 1:
        if format == "html" or format == "latex":
            raise OodBenchError(
                f"several runs have no report in {format}; give one run, or another --format"
            )
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
        typer.Option(
            "--output", "-o", metavar="DIR", callback=output_folder, help="Where the files go."
        ),
    ],
    run: Run = None,
    results: ResultsRoot = Path("results"),
    scores: Annotated[
        bool,
        typer.Option(help="Keep detectors' scores, which follow from the statistics."),
    ] = True,
    skip: Annotated[
        list[str] | None,
        typer.Option(
            metavar="GLOB",
            help="Leave out figures, such as those that show images that are not yours.",
            show_default=False,
        ),
    ] = None,
    trust_code: TrustCode = False,
) -> None:
    """Write a run to a folder of its own, from which its reports can be made without weights.

    The folder holds the Markdown report with figures for a screen and tables but the largest,
    the run's record, and all its statistics and scores as Parquet in one cells.zip.
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
    from ood_bench.report import terminal_table, write_report
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
    shown = terminal_table(found)
    groups: dict[tuple[str, ...], Table] = {}
    for row in shown.rows:
        model, inside, outside, detector, area, trained, *cells, bits_inside, bits_outside = row
        if (model, inside) not in groups:
            title = f"{model} trained on {inside}, {bits_inside} bits/dim; {_covers(trained)}"
            groups[model, inside] = _group(title, shown)
        groups[model, inside].add_row(outside, detector, area, *cells, bits_outside)
    for table in groups.values():
        console.print(table, "")
    for footnote in shown.footnotes:
        _say(console, footnote)
    for claim in found.claims:
        _say(console, f"{claim.judged}: {claim.says}")
    _say(console, f"report: {path}")


def _covers(trained: str) -> str:
    """Say of how many trainings a table is, and what the interval of one covers."""
    of_one = trained.startswith(ONE)
    return f"{trained}: intervals cover test images alone" if of_one else trained.split(",")[0]


def _group(title: str, shown: "TextTable") -> Table:
    """Return an empty table for one model on one inside data set, narrow enough for a terminal.

    Of how many trainings it is stands in its title, which leaves room for the columns.
    """
    table = Table(title=title, title_justify="left", title_style="bold", box=None)
    table.padding, table.pad_edge = (0, 1, 0, 0), False
    short = {"FPR@95TPR": "FPR@95", "bpd OOD": "bits/dim"}
    for heading, numeric in (*shown.columns[2:5], *shown.columns[6:-2], shown.columns[-1]):
        justify: Literal["left", "right"] = "right" if numeric else "left"
        name = short.get(heading, heading.partition(" (")[0])
        table.add_column(name, justify=justify, overflow="fold", no_wrap=heading != "OOD")
    return table


def _say(console: Console, text: str) -> None:
    console.print(text, highlight=False, markup=False, soft_wrap=True)
