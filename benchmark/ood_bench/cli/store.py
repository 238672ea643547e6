"""`ood-bench store`: what the store holds, and what of it can go."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from ood_bench.cli.console import say, terminal
from ood_bench.cli.options import DataRoot, ResultsRoot

if TYPE_CHECKING:
    from ood_bench.runs.upkeep import Space

store_app = typer.Typer(
    help="Show and free the disk space of finished cells.", no_args_is_help=True
)

Suites = Annotated[
    list[Path] | None,
    typer.Argument(
        metavar="[SUITE]...",
        help="Suites whose cells are kept too, beside those of the runs in the results folder.",
        show_default=False,
    ),
]


@store_app.command()
def show(
    suites: Suites = None, data: DataRoot = None, results: ResultsRoot = Path("results")
) -> None:
    """Show what takes space in the store, and how much of it no run needs."""
    from ood_bench.runs.upkeep import space_of
    from ood_bench.store import Store

    needed = _needed(suites or (), data, results)
    _print(space_of(Store(results / "store"), needed))


@store_app.command()
def clean(
    suites: Suites = None,
    data: DataRoot = None,
    results: ResultsRoot = Path("results"),
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be removed, and remove nothing.")
    ] = False,
) -> None:
    """Remove what no run in the results folder needs, and leftovers of stopped runs.

    A run needs all cells of its plan, also unfinished ones. To free those of a run, remove its
    folder first.
    """
    from ood_bench.runs.upkeep import free, space_of
    from ood_bench.store import Store

    store = Store(results / "store")
    needed = _needed(suites or (), data, results)
    if dry_run:
        found = space_of(store, needed)
        bytes_, verb = sum(space.unneeded_bytes for space in found.values()), "would free"
    else:
        found = free(store, results, needed)
        bytes_, verb = sum(space.unneeded_bytes for space in found.values()), "freed"
    for kind, space in found.items():
        if space.unneeded:
            say(f"{kind}: {space.unneeded:,}, {_in_words(space.unneeded_bytes)}")
    say(f"{verb} {_in_words(bytes_)}")


def _needed(suites: Sequence[Path], data: Path | None, results: Path) -> set[str]:
    """Return the keys of the cells of all runs and of some suites."""
    from ood_bench.runs.upkeep import needed_by_runs

    needed = needed_by_runs(results)
    if suites:
        from ood_bench.data import Library
        from ood_bench.plan import build_plan
        from ood_bench.registry import Registry
        from ood_bench.suite import load_suite, suite_named

        library = Library(root=data, index=results / "store" / "data")
        for path in suites:
            loaded = load_suite(suite_named(path))
            plan = build_plan(loaded, Registry(loaded.folder), library, skip_missing=True)
            needed |= {cell.key for cell in plan.cells}
    return needed


def _print(found: Mapping[str, "Space"]) -> None:
    table = Table(box=None)
    table.add_column("what")
    for heading in ("count", "size", "needed by no run", "size of that"):
        table.add_column(heading, justify="right")
    for kind, space in found.items():
        table.add_row(
            kind,
            f"{space.count:,}",
            _in_words(space.bytes),
            f"{space.unneeded:,}",
            _in_words(space.unneeded_bytes),
        )
    terminal(log_width=120).print(table)


def _in_words(size: float) -> str:
    """Return a number of bytes with a unit."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"
