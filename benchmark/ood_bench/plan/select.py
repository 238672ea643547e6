"""Select part of a plan by the names of its cells."""

from collections.abc import Sequence
from dataclasses import replace
from fnmatch import fnmatchcase

from ood_bench.cells import Cell
from ood_bench.errors import SuiteError
from ood_bench.plan.plan import Plan
from ood_bench.results import Omission


def select(plan: Plan, *, only: Sequence[str] = (), skip: Sequence[str] = ()) -> tuple[Plan, Plan]:
    """Select the cells to report and to run.

    Args:
        plan: A whole plan.
        only: Globs over cell names; matching cells and all their inputs are run. Default: all.
        skip: Globs; matching cells and all cells that depend on them are left out, also from
            the report if they are stored.

    Returns:
        The plan to report, without what is skipped; and the part of it to run.

    Raises:
        SuiteError: If a glob matches no cell.
    """
    names = [cell.name for cell in plan.cells]
    for option, globs in (("--only", only), ("--skip", skip)):
        for glob in globs:
            if not any(fnmatchcase(name, glob) for name in names):
                raise SuiteError(
                    f"{option} {glob}: no cell has such a name; --dry-run lists them all"
                )
    skips = list(plan.skips)
    gone: dict[str, str] = {}
    for cell in plan.cells:
        match = next((glob for glob in skip if fnmatchcase(cell.name, glob)), None)
        needed = next((gone[key] for key in cell.inputs.values() if key in gone), None)
        if match is not None:
            gone[cell.key] = cell.name
            skips.append(Omission(cell.name, f"--skip {match}", **cell.rows))
        elif needed is not None:
            gone[cell.key] = cell.name
            reason = f"needs {needed}, which is skipped"
            skips.append(Omission(cell.name, reason, **cell.rows))
    kept = tuple(cell for cell in plan.cells if cell.key not in gone)
    reported = replace(plan, cells=kept, skips=tuple(skips))
    return reported, replace(reported, cells=_with_inputs(kept, only)) if only else reported


def _with_inputs(cells: Sequence[Cell], only: Sequence[str]) -> tuple[Cell, ...]:
    wanted: set[str] = set()
    for cell in reversed(cells):
        if cell.key in wanted or any(fnmatchcase(cell.name, glob) for glob in only):
            wanted |= {cell.key, *cell.inputs.values()}
    return tuple(cell for cell in cells if cell.key in wanted)
