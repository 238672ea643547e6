"""`ood-bench data audit`: what images alone tell, before any model is trained."""

from pathlib import Path
from typing import Annotated

import typer

from ood_bench.cli.console import say, terminal
from ood_bench.cli.options import DataRoot, ResultsRoot
from ood_bench.cli.tables import print_sections


def audit(
    names: Annotated[
        list[str],
        typer.Argument(
            metavar="NAME[:SPLIT]... | SUITE",
            help="Data sets of the catalogue, the first as the inside of a pair with each of the "
            "others; or one suite's YAML file, for all its pairs.",
            show_default=False,
        ),
    ],
    data: DataRoot = None,
    results: ResultsRoot = Path("results"),
) -> None:
    """Tell what images alone tell: their statistics, what separates pairs, what sets share.

    A pair that one number of an image separates needs no model, and a difference in resizing or
    compression may be all that a detector sees. A data set's split is test unless said; the
    others are brought to the shape of the first. A suite's audit is kept in the store, where a
    run finds it.
    """
    from ood_bench import api
    from ood_bench.report import audit_sections

    if len(names) == 1 and names[0].endswith((".yaml", ".yml")):
        found = api.audit_suite(names[0], data=data, results=results)
    else:
        found = api.audit_data(*names, data=data)
    for skip in found.skips:
        say(f"{skip.cell} is left out: {skip.reason}", err=True)
    print_sections(terminal(log_width=160), audit_sections(found.found, found.level))
