"""`ood-bench status`: what the runs on a cluster are doing."""

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from ood_bench.cli.console import say, terminal
from ood_bench.cli.options import ResultsRoot


def status(
    run: Annotated[
        str | None,
        typer.Argument(
            metavar="[RUN]",
            help="The name or the path of a run's folder. Default: all runs in the results folder.",
            show_default=False,
        ),
    ] = None,
    results: ResultsRoot = Path("results"),
) -> None:
    """Show the bundles and trainings of runs on a cluster, from any machine that sees the results.

    Slurm is not asked: this is what the jobs themselves have written.
    """
    from ood_bench.api.cluster_status import status

    found = status(results, run)
    if not found:
        say("no run is in progress on a cluster")
        return
    for name in dict.fromkeys(one.run for one in found):
        say(name)
        table = Table(box=None)
        for heading in ("job", "state", "node", "cells", "bundle", "training"):
            table.add_column(
                heading, no_wrap=True, justify="right" if heading == "cells" else "left"
            )
        for one in found:
            if one.run == name:
                failed = f", {one.failed} failed" if one.failed else ""
                cells = f"{one.done}/{one.cells}{failed}"
                table.add_row(one.job, one.state, one.host, cells, one.bundle, one.training)
        terminal().print(table)
