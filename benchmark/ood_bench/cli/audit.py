"""`ood-bench data audit`: what images alone tell, before any model is trained."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ood_bench.cli.console import say, terminal
from ood_bench.cli.options import DataRoot, ResultsRoot
from ood_bench.cli.tables import print_sections

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ood_bench.results import Audit

LEVEL = 0.95


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
    if len(names) == 1 and names[0].endswith((".yaml", ".yml")):
        found, level = _of_suite(Path(names[0]), data, results)
    else:
        found, level = _of_sets(names, data), LEVEL
    _show(found, level)


def _of_sets(names: list[str], root: Path | None) -> "Audit":
    from ood_bench.audit import Audited, audit_pair, summarise
    from ood_bench.cells import Address
    from ood_bench.data import DataOptions, Library
    from ood_bench.errors import DataError
    from ood_bench.runs import gather

    library, options = Library(root=root, index=None), DataOptions()

    def split(of: str) -> tuple[str, str]:
        name, _, part = of.partition(":")
        if missing := library.missing(name, options):
            raise DataError(missing)
        return name, part or "test"

    first, part = split(names[0])
    shape = library.shape(first, options)

    def load(name: str, part: str) -> "NDArray[np.uint8]":
        return library.load(name, options, part, shape).pixels

    inside, train = Audited.of(load(first, part)), None
    if part != "train" and "train" in library.splits(first, options):
        train = Audited.hashed(load(first, "train"))
    found = [(Address(inside=names[0], shape=str(shape)), summarise(inside)._asdict())]
    for of in names[1:]:
        outside = Audited.of(load(*split(of)))
        pair = audit_pair(inside, train, outside, level=LEVEL)
        found.append((Address(inside=of, shape=str(shape)), summarise(outside)._asdict()))
        at = Address(inside=names[0], outside=of, shape=str(shape))
        found.append((at, pair._asdict()))
    return gather(found)


def _of_suite(path: Path, root: Path | None, results: Path) -> "tuple[Audit, float]":
    from ood_bench.data import Library
    from ood_bench.errors import CellError
    from ood_bench.execute import Failed, Inline, WorkContext
    from ood_bench.plan import build_plan
    from ood_bench.plan.select import select
    from ood_bench.registry import Registry
    from ood_bench.runs import RunRecord, collect_audit
    from ood_bench.store import Store
    from ood_bench.suite import load_suite

    loaded = load_suite(path, assignments=["evaluation.audit=true"])
    store, registry = Store(results / "store"), Registry(loaded.folder)
    library = Library(root=root, index=results / "store" / "data")
    plan = build_plan(loaded, registry, library, skip_missing=True)
    _, plan = select(plan, only=["audit/*"])
    for outcome in Inline().run(plan, store, WorkContext(registry, library, "cpu")):
        if isinstance(outcome, Failed):
            raise CellError(f"{outcome.cell.name}: {outcome.message}")
    for skip in plan.skips:
        if skip.cell.startswith("pair "):
            say(f"{skip.cell} is left out: {skip.reason}", err=True)
    found = collect_audit(RunRecord.begun(loaded.suite, plan), store)
    if found is None:
        raise CellError(f"{path}: the suite has no pair to audit")
    return found, loaded.suite.evaluation.level


def _show(found: "Audit", level: float) -> None:
    from ood_bench.report import audit_sections

    print_sections(terminal(log_width=160), audit_sections(found, level))
