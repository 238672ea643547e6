"""Plan a run without running it."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from ood_bench.errors import PluginError, StoreError
from ood_bench.suite import LoadedSuite, load_suite, suite_named
from ood_bench.suite.given import assignments_of

if TYPE_CHECKING:
    from ood_bench.data import Library
    from ood_bench.plan import Plan
    from ood_bench.plan.estimate import Estimate
    from ood_bench.registry import Registry
    from ood_bench.results import Omission
    from ood_bench.store import Store

SuiteLike: TypeAlias = str | Path | Mapping[str, Any]
"""A suite: its YAML file, the name of a bundled one, or a mapping with the YAML's content."""

Settings: TypeAlias = Mapping[str, Any] | Sequence[str] | str
"""Values of a suite by their paths, or as `path=value`."""

Globs: TypeAlias = Sequence[str] | str


@dataclass(frozen=True)
class Prepared:
    """A suite with its plugins, data, store and plan.

    Attributes:
        device: The device that models run on.
        loaded: The suite.
        settings: Values set on top of it.
        registry: The plugins.
        library: The data sets.
        store: Where finished cells lie.
        whole: The plan of the whole suite.
        reported: The part to report, without what `skip` leaves out.
        plan: The part to run.
    """

    device: str
    loaded: LoadedSuite
    settings: tuple[str, ...]
    registry: "Registry"
    library: "Library"
    store: "Store"
    whole: "Plan"
    reported: "Plan"
    plan: "Plan"


def prepare(
    suite: SuiteLike,
    *,
    data: str | Path | None,
    results: Path,
    embedded: bool,
    scale: float,
    set: Settings,
    only: Globs,
    skip: Globs,
    fresh: bool,
    device: str,
    lenient: bool,
    remember: bool,
    elsewhere: bool = False,
) -> Prepared:
    """Read a suite and plan it.

    The arguments are those of `run`, and three more: `lenient` skips pairs whose data is missing,
    otherwise an error; `remember` caches the digests of data sets for the next run; `elsewhere`
    leaves the device to the machines that compute.

    Raises:
        OodBenchError: If there is a mistake in the suite, a plugin or the data.
    """
    written = suite if isinstance(suite, Mapping) else suite_named(Path(suite))
    settings = assignments_of(set)
    loaded = load_suite(written, assignments=settings, scale=scale)

    from ood_bench.data import Library
    from ood_bench.execute.devices import device_named
    from ood_bench.plan import build_plan
    from ood_bench.plan.select import select
    from ood_bench.registry import Registry
    from ood_bench.store import Store

    found = device if elsewhere else device_named(device)
    root = data or os.environ.get("OOD_BENCH_DATA")
    registry = Registry(loaded.folder)
    library = Library(
        root=Path(root) if root else None,
        index=results / "store" / "data",
        remember=remember,
        fresh=fresh,
        embedded=embedded,
    )
    whole = build_plan(loaded, registry, library, skip_missing=lenient)
    reported, plan = select(whole, only=globs(only), skip=globs(skip))
    store = Store(results / "store")
    return Prepared(found, loaded, settings, registry, library, store, whole, reported, plan)


def globs(given: Globs) -> list[str]:
    """Return one glob, or several, as a list."""
    return [given] if isinstance(given, str) else list(given)


@dataclass(frozen=True)
class DryRun:
    """The plan of a run, which is not run.

    Attributes:
        plan: All its cells in order, and its skips with reasons.
        stored: Names of the cells that are already finished.
        estimate: About what the other cells cost on this machine; None if not asked for, or if
            they cannot be measured.
        unmeasured: Why they cannot be measured; empty if they can.
    """

    plan: "Plan"
    stored: frozenset[str]
    estimate: "Estimate | None" = None
    unmeasured: str = ""

    @property
    def to_run(self) -> tuple[str, ...]:
        """Names of the cells that would run, in order."""
        return tuple(cell.name for cell in self.plan.cells if cell.name not in self.stored)

    @property
    def skips(self) -> "tuple[Omission, ...]":
        """What would be skipped, each with its reason."""
        return self.plan.skips

    @property
    def states(self) -> list[tuple[str, str]]:
        """`stored`, `will run` or `skip` and a cell, a skipped one with the reason."""
        cells = [
            ("stored" if cell.name in self.stored else "will run", cell.name)
            for cell in self.plan.cells
        ]
        return cells + [("skip", f"{skip.cell}: {skip.reason}") for skip in self.plan.skips]

    @property
    def remarks(self) -> list[str]:
        """The size of each model, the division of each training split, and the number of cells."""
        count = len(self.plan.cells)
        return [
            *(f"{model}: {size}" for model, size in self.plan.sizes.items()),
            *(f"training images of {data}: {of}" for data, of in self.plan.divisions.items()),
            f"{count} cells: {len(self.stored)} stored, {count - len(self.stored)} to run; "
            f"{len(self.plan.skips)} skipped",
        ]

    def __repr__(self) -> str:
        """Return one line per cell, and the remarks."""
        lines = [f"{state:<9} {cell}" for state, cell in self.states]
        return "\n".join([*lines, *self.remarks])


def dry_run(
    suite: SuiteLike,
    *,
    data: str | Path | None = None,
    results: str | Path = "results",
    embedded: bool = False,
    scale: float = 1.0,
    set: Settings = (),
    only: Globs = (),
    skip: Globs = (),
    fresh: bool = False,
    device: str = "auto",
    estimate: bool = True,
) -> DryRun:
    """Return what `run` would do with the same arguments, and about what it costs.

    Nothing is stored. Pairs whose data is missing are among the skips, each with advice. With
    `estimate`, a few steps of each model are timed, a second or two for each.

    Raises:
        OodBenchError: If there is a mistake in the suite, a plugin or the data.

    Example:
        >>> plan = dry_run("quickstart", only="train/glow*", results="no-results", estimate=False)
        >>> plan.to_run
        ('train/glow@fashion_mnist/0',)
    """
    prepared = prepare(
        suite,
        data=data,
        results=Path(results),
        embedded=embedded,
        scale=scale,
        set=set,
        only=only,
        skip=skip,
        fresh=fresh,
        device=device,
        lenient=True,
        remember=False,
    )
    plan, store = prepared.plan, prepared.store
    stored = {cell.key: cell.name for cell in plan.cells if not fresh and store.has(cell.key)}
    names = frozenset(stored.values())
    if not estimate:
        return DryRun(plan, names)

    from ood_bench.cells.context import WorkContext
    from ood_bench.execute.meter import measured

    context = WorkContext(prepared.registry, prepared.library, prepared.device)
    try:
        return DryRun(plan, names, measured(plan.cells, stored, store, context))
    except (PluginError, StoreError) as error:
        return DryRun(plan, names, unmeasured=str(error))
