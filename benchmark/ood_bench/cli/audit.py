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
            help="Data sets of the catalogue, folders of images or .npz archives: the first is ID, "
            "each of the others OOD. Or one suite's YAML file, for all its pairs.",
            show_default=False,
        ),
    ],
    data: DataRoot = None,
    results: ResultsRoot = Path("results"),
) -> None:
    """Report what separates data sets without any model, and which images they share.

    If one number per image separates a pair, detectors may see no more than a difference in
    resizing or compression. SPLIT defaults to test; all data sets are brought to the shape of the
    first. A suite's audit is stored, and later runs reuse it.
    """
    from ood_bench import api
    from ood_bench.report import audit_sections

    if len(names) == 1 and names[0].endswith((".yaml", ".yml")):
        found = api.audit_suite(names[0], data=data, results=results)
    else:
        found = api.audit_data(*names, data=data)
    for skip in found.skips:
        say(f"skipped {skip.cell}: {skip.reason}", err=True)
    print_sections(terminal(), audit_sections(found.found, found.level))
