"""`ood-bench runs`: the runs in a results folder, and what each is called."""

from pathlib import Path
from typing import TYPE_CHECKING

from rich.table import Table

from ood_bench.cli.console import say, terminal
from ood_bench.cli.options import ResultsRoot

if TYPE_CHECKING:
    from ood_bench.runs.find import ListedRun


def runs(results: ResultsRoot = Path("results")) -> None:
    """List the runs in the results folder, the newest first.

    A suite's name stands for its newest run of the whole suite (marked *), never for one that was
    scaled, changed or selected as long as there is a whole one. Name any run by its id; NAME@latest
    is the newest of all runs of a suite.
    """
    from ood_bench.runs import list_runs

    found = list_runs(results)
    if not found:
        say(f"{results}: no run lies here; start one with 'ood-bench run SUITE'")
        return
    whole = [run for run in found if not run.changes and not run.damage]
    for title, listed in (
        ("Whole suites", whole),
        ("Scaled, changed or selected", [run for run in found if run.changes]),
        ("Damaged", [run for run in found if run.damage]),
    ):
        if listed:
            terminal().print(_table(title, listed))


def _table(title: str, runs: "list[ListedRun]") -> Table:
    table = Table(box=None, pad_edge=False, title=title, title_justify="left")
    table.title_style = "bold"
    for heading in ("name", "id", "when", "cells done", "scale", "overrides"):
        right = heading in ("cells done", "scale")
        table.add_column(
            heading,
            justify="right" if right else "left",
            no_wrap=heading != "overrides",
            overflow="fold",
        )
    for run in runs:
        cells = "" if run.damage else f"{run.done:,} of {run.cells:,}"
        scale = "" if run.damage else f"{run.changes.scale:g}"
        table.add_row(
            f"{run.name}{' *' if run.meant else ''}",
            run.id,
            f"{run.when:%Y-%m-%d %H:%M}",
            cells,
            scale,
            run.damage or run.changes.beside_scale,
        )
    return table
