"""`ood-bench compare`: runs side by side, tested on the images that they share."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ood_bench.cli.console import say, terminal
from ood_bench.cli.options import RUN, ComparisonFormat, ResultsRoot, output_option
from ood_bench.cli.tables import print_sections
from ood_bench.errors import SuiteError

if TYPE_CHECKING:
    from ood_bench.results import RunComparison


def compare(
    runs: Annotated[
        list[str],
        typer.Argument(
            metavar="RUN RUN...",
            help=f"{RUN} All are compared with the first.",
            show_default=False,
        ),
    ],
    results: ResultsRoot = Path("results"),
    format: ComparisonFormat = None,
    output: Annotated[
        Path | None,
        output_option("Where the files go; default: a new folder in the results folder."),
    ] = None,
    map: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FIRST=OTHER",
            help="Compare a model of the first run with one of another name; may be repeated.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Compare runs: AUROC with intervals, paired differences on the same images, claims.

    A detector is compared where model, pair and detector have the same names in both runs, or the
    data sets other names but the same images. Differences are tested on the same images (DeLong)
    and over seeds, with Holm's correction. Where scores were not kept or the images differ, a
    footnote says so and there is no test.
    """
    from ood_bench.report import run_comparison_document

    models = _mapped(map or [])
    if format or output:
        say(write_comparison(runs, results, output, format or "markdown", models))
        return
    console = terminal()
    document = run_comparison_document(_compared(runs, results, models))
    for text in (*document.notes, *(f"{span.text}\n" for span in document.summary)):
        console.print(text, highlight=False, markup=False)
    print_sections(console, reversed(document.sections))


def write_comparison(
    runs: list[str],
    results: Path,
    output: Path | None,
    format: str,
    models: Mapping[str, str] | None = None,
) -> Path:
    """Write a report of several runs and return its path."""
    from ood_bench.report import write_run_comparison

    found = _compared(runs, results, models or {})
    names = "-vs-".join(Path(name).name for name in found.runs)
    return write_run_comparison(found, output or results / names, format=format)


def _mapped(given: Sequence[str]) -> dict[str, str]:
    """Return the names of models in the first run, and those in the others."""
    found = {}
    for text in given:
        ours, equals, theirs = text.partition("=")
        if not (ours and equals and theirs):
            raise SuiteError(f"--map {text}: write FIRST=OTHER, such as --map glow=glow-gray")
        if ours in found:
            raise SuiteError(f"--map {text}: '{ours}' is mapped already")
        found[ours] = theirs
    return found


def _compared(runs: list[str], results: Path, models: Mapping[str, str]) -> "RunComparison":
    from ood_bench.errors import OodBenchError
    from ood_bench.runs import ComparedRun, compare_runs, find_run, read_record, store_of

    folders = [find_run(results, run) for run in runs]
    if len({folder.resolve() for folder in folders}) < max(2, len(runs)):
        raise OodBenchError(
            "name two or more different runs: folders, names of runs, or names of suites"
        )
    short = len({folder.name for folder in folders}) == len(folders)
    with ExitStack() as stack:
        sides = []
        for folder in folders:
            record = read_record(folder)
            store = stack.enter_context(store_of(folder, results, record))
            sides.append(ComparedRun(folder.name if short else str(folder), record, store))
        return compare_runs(sides, models)
