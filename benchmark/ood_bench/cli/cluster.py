"""`ood-bench cluster`: what a run would submit to a cluster."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from ood_bench.cli.console import say, terminal
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

if TYPE_CHECKING:
    from ood_bench.api.clusters import JobArray

cluster_app = typer.Typer(help="Show what a cluster would be given.", no_args_is_help=True)


@cluster_app.callback()
def _group() -> None:
    """Show what a cluster would be given."""


@cluster_app.command()
def show(
    suite: SuiteFile,
    cluster: Annotated[
        Path,
        typer.Option("--cluster", metavar="FILE", help="The YAML file that describes the cluster."),
    ],
    data: DataRoot = None,
    results: ResultsRoot = Path("results"),
    embedded: Embedded = False,
    estimate: Estimated = True,
    scale: Scale = 1.0,
    assignments: Assignments = None,
    only: Only = None,
    skip: Skip = None,
    device: Annotated[
        str,
        typer.Option(metavar="DEVICE", help="auto, cuda, or cpu to ask for no GPU."),
    ] = "auto",
) -> None:
    """Show what `run --executor slurm` or `ray` would submit, and what each bundle asks for.

    Nothing is submitted, and no cluster is asked. What the run costs is estimated for this machine.
    """
    from ood_bench.api import dry_run
    from ood_bench.api.clusters import job_arrays_of
    from ood_bench.execute import load_cluster

    found = load_cluster(cluster)
    planned = dry_run(
        suite,
        data=data,
        results=results,
        embedded=embedded,
        scale=scale,
        set=assignments or (),
        only=only or (),
        skip=skip or (),
        device="cpu" if device == "cpu" else "auto",
        estimate=estimate,
    )
    arrays = job_arrays_of(planned, found, device=device)
    if not arrays:
        say("all cells are stored: nothing would be submitted")
        return
    for array in arrays:
        _print(array)
    print_estimate(terminal(), planned)
    cells = sum(sum(array.to_run) for array in arrays)
    bundles = sum(len(array.bundles) for array in arrays)
    say(f"to run: {cells:,} cells in {bundles:,} bundles, {arrays[-1].wave} waves")


def _print(array: "JobArray") -> None:
    kind = "with a GPU" if array.gpu else "without a GPU"
    count = len(array.bundles)
    say(f"wave {array.wave}: {count:,} bundle{'s' if count > 1 else ''} {kind}")
    table = Table(box=None)
    table.add_column("cells", justify="right")
    table.add_column("bundle", no_wrap=True)
    for bundle, to_run in zip(array.bundles, array.to_run, strict=True):
        table.add_row(f"{to_run:,}", bundle.name)
    terminal().print(table)
    if array.engine == "ray":
        taken = ", ".join(f"{name}={value!r}" for name, value in array.options.items())
        say(f"  ray.remote({taken})")
        return
    for name, value in sorted(array.options.items()):
        say(f"  #SBATCH --{name}" + ("" if value is True else f"={value}"))
    for line in array.preparation:
        say(f"  {line}")
