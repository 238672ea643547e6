"""`ood-bench run`: a suite from its YAML to its report."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from ood_bench.cli.console import terminal
from ood_bench.cli.estimate import print_estimate
from ood_bench.cli.options import (
    Assignments,
    DataRoot,
    Embedded,
    Estimated,
    Only,
    ResultsRoot,
    Scale,
    Skip,
    SuiteFile,
)
from ood_bench.cli.progress import Display
from ood_bench.cli.report import print_run

if TYPE_CHECKING:
    from ood_bench.api import DryRun


def _known_executor(name: str | None) -> str | None:
    """Return the name of an executor that is installed or that can be imported."""
    if name is not None:
        from ood_bench.execute import load_executor

        load_executor(name)
    return name


def run(
    suite: SuiteFile,
    data: DataRoot = None,
    results: ResultsRoot = Path("results"),
    embedded: Embedded = False,
    skip_missing: Annotated[
        bool,
        typer.Option("--skip-missing", help="Skip pairs whose data is missing."),
    ] = False,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Print the plan and about what it costs, and stop."),
    ] = False,
    estimate: Estimated = True,
    scale: Scale = 1.0,
    assignments: Assignments = None,
    only: Only = None,
    skip: Skip = None,
    fresh: Annotated[
        bool,
        typer.Option("--fresh", help="Read all data and compute all cells again, stored ones too."),
    ] = False,
    device: Annotated[
        str, typer.Option(metavar="DEVICE", help="auto, cpu, cuda, cuda:N, mps or xpu.")
    ] = "auto",
    jobs: Annotated[
        int | None,
        typer.Option(
            min=1,
            envvar="OOD_BENCH_JOBS",
            help="Number of processes that share the CPU's threads. Default: as many as there are "
            "threads, at most one for each model; with --device cuda one for each GPU.",
            show_default=False,
        ),
    ] = None,
    executor: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            callback=_known_executor,
            help="How cells are run: inline, processes, slurm, ray, or an executor of your own. "
            "Default: inline for one job, processes for more.",
            show_default=False,
        ),
    ] = None,
    cluster: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="The YAML file of the cluster that the executor submits to.",
            show_default=False,
        ),
    ] = None,
    detach: Annotated[
        bool,
        typer.Option(
            "--detach",
            help="Leave submitted jobs running when this command is stopped; the same command "
            "joins them.",
        ),
    ] = False,
    checkpoint_seconds: Annotated[
        float, typer.Option(min=0, help="Seconds between two training checkpoints.")
    ] = 30.0,
) -> int:
    """Run a suite: train models, score images, measure detectors, and write the report.

    Finished work is kept in the results folder; the same command resumes a stopped run.
    """
    console = terminal()
    if dry_run:
        with Display("reading the suite, and timing a few steps of each model"):
            from ood_bench import api

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
                estimate=estimate,
            )
        _print_plan(console, planned)
        return 0
    with Display() as display:
        from ood_bench import api

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
            cluster=cluster,
            detach=detach,
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
    print_estimate(console, planned)
