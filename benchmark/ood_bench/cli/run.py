"""`ood-bench run`: a suite from its YAML to its report."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from ood_bench.cli.console import terminal
from ood_bench.cli.options import DataRoot, ResultsRoot
from ood_bench.cli.progress import Display
from ood_bench.cli.report import print_run

if TYPE_CHECKING:
    from ood_bench.api import DryRun

Globs = list[str]


def _known_executor(name: str | None) -> str | None:
    """Return the name of an executor that is installed or that can be imported."""
    if name is not None:
        from ood_bench.execute import load_executor

        load_executor(name)
    return name


def run(
    suite: Annotated[
        Path,
        typer.Argument(
            metavar="SUITE",
            help="The suite's YAML file, or the name of one that comes along: quickstart, say; "
            "- for standard input.",
        ),
    ],
    data: DataRoot = None,
    results: ResultsRoot = Path("results"),
    embedded: Annotated[
        bool,
        typer.Option(
            "--embedded",
            help="Use the embedded subsets and skip the pairs that lack data; the tables say so.",
        ),
    ] = False,
    skip_missing: Annotated[
        bool,
        typer.Option("--skip-missing", help="Skip the pairs whose data is missing."),
    ] = False,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Print the plan: what is stored, will run, is skipped."),
    ] = False,
    scale: Annotated[
        float, typer.Option(help="Factor on training steps; 0.05 for a quick look.")
    ] = 1.0,
    assignments: Annotated[
        Globs | None,
        typer.Option(
            "--set",
            metavar="PATH=VALUE",
            help="Set a value of the suite; a new key that has a dot in it in double quotes.",
            show_default=False,
        ),
    ] = None,
    only: Annotated[
        Globs | None,
        typer.Option(
            metavar="GLOB", help="Run these cells and what they need.", show_default=False
        ),
    ] = None,
    skip: Annotated[
        Globs | None,
        typer.Option(metavar="GLOB", help="Leave out these cells.", show_default=False),
    ] = None,
    fresh: Annotated[
        bool,
        typer.Option(
            "--fresh", help="Read all data and compute all cells anew, also those that are stored."
        ),
    ] = False,
    device: Annotated[
        str, typer.Option(metavar="DEVICE", help="auto, cpu, cuda or cuda:N.")
    ] = "auto",
    jobs: Annotated[
        int | None,
        typer.Option(
            min=1,
            envvar="OOD_BENCH_JOBS",
            help="Cells at a time, each in a process with its share of the threads; unless said, "
            "as many as threads and models, and 1 on a GPU.",
            show_default=False,
        ),
    ] = None,
    executor: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            callback=_known_executor,
            help="What works on the cells: inline, processes, or an executor of your own; default: "
            "inline for one job, processes for more.",
            show_default=False,
        ),
    ] = None,
    checkpoint_seconds: Annotated[
        float, typer.Option(min=0, help="Time between two training checkpoints.")
    ] = 30.0,
) -> int:
    """Run a suite: train what is not trained, score, measure, and write the report.

    What is finished is kept in the results folder; a run that was stopped goes on from there.
    """
    from ood_bench import api

    console = terminal(log_width=120)
    if dry_run:
        planned = api.dry_run(
            suite,
            data=data,
            results=results,
            embedded=embedded,
            scale=scale,
            set=assignments or (),
            only=only or (),
            skip=skip or (),
            fresh=fresh,
            device=device,
        )
        _print_plan(console, planned)
        return 0
    with Display() as display:
        done = api.run(
            suite,
            data=data,
            results=results,
            embedded=embedded,
            skip_missing=skip_missing,
            scale=scale,
            set=assignments or (),
            only=only or (),
            skip=skip or (),
            fresh=fresh,
            device=device,
            jobs=jobs,
            executor=executor,
            checkpoint_seconds=checkpoint_seconds,
            progress=display,
        )
    print_run(console, done)
    if any(failed.mistake for failed in display.failures):
        return 2
    return 1 if display.failures else 0


def _print_plan(console: Console, planned: "DryRun") -> None:
    table = Table(box=None)
    for heading in ("state", "cell"):
        table.add_column(heading, no_wrap=True)
    for state, cell in planned.states:
        table.add_row(state, cell)
    console.print(table)
    for remark in planned.remarks:
        console.print(remark, highlight=False, markup=False)
