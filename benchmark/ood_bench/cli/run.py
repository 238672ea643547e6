"""`ood-bench run`: a suite from its YAML to its report."""

import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from ood_bench.cli.console import terminal
from ood_bench.cli.options import DataRoot, ResultsRoot
from ood_bench.files import write_whole

if TYPE_CHECKING:
    from ood_bench.execute import Failed
    from ood_bench.plan import Plan
    from ood_bench.store import Store

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
    from ood_bench.suite import load_suite, suite_named

    began = time.perf_counter()
    suite = suite_named(suite)
    loaded = load_suite(suite, assignments=assignments or (), scale=scale)

    from ood_bench.data import Library
    from ood_bench.execute.devices import device_named
    from ood_bench.plan import build_plan
    from ood_bench.plan.select import select
    from ood_bench.registry import Registry
    from ood_bench.store import Store

    device = device_named(device)
    store = Store(results / "store")
    registry = Registry(loaded.folder)
    library = Library(
        root=data,
        index=results / "store" / "data",
        remember=not dry_run,
        fresh=fresh,
        embedded=embedded,
    )
    lenient = skip_missing or embedded or dry_run
    whole = build_plan(loaded, registry, library, skip_missing=lenient)
    reported, plan = select(whole, only=only or (), skip=skip or ())
    console = terminal(log_width=120)
    if dry_run:
        _print_plan(console, plan, store)
        return 0

    from ood_bench.cli.progress import Display
    from ood_bench.execute import Bench, Failed, load_executor, usual_executor
    from ood_bench.execute.circumstances import setting
    from ood_bench.results import Omission
    from ood_bench.runs import RunRecord, run_folder, write_record

    notes = _notes(embedded=embedded, scale=scale, assignments=assignments or ())
    settings = {"embedded": embedded, "only": only or [], "skip": skip or []}
    folder = run_folder(results, loaded.suite, settings)
    chosen = (
        load_executor(executor, jobs=jobs)
        if executor
        else usual_executor(plan, device=device, jobs=jobs)
    )
    bench = Bench(registry, library, device, checkpoint_seconds=checkpoint_seconds)
    manifest = {
        "suite": str(loaded.source.path),
        **chosen.manifest(plan, bench),
        **setting(),
    }
    kept = {cell.key for cell in reported.cells}
    record = replace(
        RunRecord.begun(loaded.suite, reported, notes=notes, base=loaded.folder),
        planned=tuple(cell.key for cell in whole.cells if cell.key not in kept),
    )
    write_record(folder, replace(record, manifest=manifest))
    failures: list[Failed] = []
    with _cleared(store, folder):
        if fresh:
            for cell in plan.cells:
                with store.lock(cell.key):
                    store.remove(cell.key)
        with Display(plan, store) as display:
            bench.tell = display.tell
            with closing(chosen.run(plan, store, bench)) as outcomes:
                for outcome in outcomes:
                    display.show(outcome)
                    if isinstance(outcome, Failed):
                        failures.append(outcome)
    manifest["wall time"] = f"{time.perf_counter() - began:.0f} s"
    record = replace(
        record,
        failures=tuple(
            Omission(failed.cell.name, failed.message, **failed.cell.rows) for failed in failures
        ),
        manifest=manifest,
    )
    write_record(folder, record)
    _log_tracebacks(folder, failures)

    from ood_bench.cli.report import show_report

    show_report(console, folder, results)
    if any(failed.mistake for failed in failures):
        return 2
    return 1 if failures else 0


@contextmanager
def _cleared(store: "Store", folder: Path) -> Iterator[None]:
    """Remove what broken-off runs have left, before a run and after it, however it ends."""
    from ood_bench.files import clear_unfinished

    store.clear()
    clear_unfinished(folder)
    try:
        yield
    finally:
        store.clear()


def _notes(*, embedded: bool, scale: float, assignments: Sequence[str]) -> tuple[str, ...]:
    """Return what must be said above every table."""
    notes = []
    if embedded:
        notes.append(
            "Run on the embedded subsets (20,000 training images each, all test images); pairs "
            "whose data has no embedded subset and is not at hand are left out."
        )
    if scale != 1.0:
        notes.append(f"Training steps scaled by {scale:g}.")
    if assignments:
        notes.append(f"Set on the command line: {', '.join(assignments)}.")
    return tuple(notes)


def _print_plan(console: Console, plan: "Plan", store: "Store") -> None:
    table = Table(box=None)
    for heading in ("state", "cell"):
        table.add_column(heading, no_wrap=True)
    count = 0
    for cell in plan.cells:
        stored = store.has(cell.key)
        count += stored
        table.add_row("stored" if stored else "will run", cell.name)
    for skip in plan.skips:
        table.add_row("skip", f"{skip.cell}: {skip.reason}")
    console.print(table)
    for model, size in plan.sizes.items():
        console.print(f"{model}: {size}", highlight=False, markup=False)
    for data, division in plan.divisions.items():
        console.print(f"training images of {data}: {division}", highlight=False, markup=False)
    console.print(
        f"{len(plan.cells)} cells: {count} stored, {len(plan.cells) - count} to run; "
        f"{len(plan.skips)} skipped"
    )


def _log_tracebacks(folder: Path, failures: Sequence["Failed"]) -> None:
    """Leave the tracebacks of unexpected failures beside the report."""
    path = folder / "failures.log"
    texts = [f"{failed.cell.name}\n{failed.traceback}" for failed in failures if failed.traceback]
    if texts:
        write_whole(path, "\n".join(texts))
    else:
        path.unlink(missing_ok=True)
