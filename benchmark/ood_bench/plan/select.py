"""A part of a plan, chosen by the names of its cells."""

from collections.abc import Collection, Sequence
from dataclasses import fields, replace
from fnmatch import fnmatchcase
from typing import Any

from ood_bench.errors import SuiteError
from ood_bench.plan.cell import Cell, Plan, Skip


def select(plan: Plan, *, only: Sequence[str] = (), skip: Sequence[str] = ()) -> Plan:
    """Keep the cells whose names match, and what they need.

    Args:
        plan: A whole plan.
        only: Globs over cell names; the cells that match one, with all their inputs, stay.
            None given: all stay.
        skip: Globs; the cells that match one go, and all that need them, also from the report
            where they are stored.

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
            skips.append(Skip(cell.name, f"--skip {match}", **plan.address(cell)))
        elif needed is not None:
            gone[cell.key] = cell.name
            reason = f"needs {needed}, which is skipped"
            skips.append(Skip(cell.name, reason, **plan.address(cell)))
    kept = [cell for cell in plan.cells if cell.key not in gone]
    if only:
        kept = _with_inputs(kept, only)
    return replace(plan, cells=tuple(kept), skips=tuple(skips), **_without(plan, gone))


def _without(plan: Plan, gone: Collection[str]) -> dict[str, Any]:
    """Return all of a plan's lists of references without those to cells that are skipped."""
    lists = {field.name: getattr(plan, field.name) for field in fields(plan)}
    return {
        name: tuple(ref for ref in refs if ref.key not in gone)
        for name, refs in lists.items()
        if name not in ("cells", "skips")
        and isinstance(refs, tuple)
        and all(hasattr(ref, "key") for ref in refs)
    }


def _with_inputs(cells: Sequence[Cell], only: Sequence[str]) -> list[Cell]:
    wanted: set[str] = set()
    for cell in reversed(cells):
        if cell.key in wanted or any(fnmatchcase(cell.name, glob) for glob in only):
            wanted |= {cell.key, *cell.inputs.values()}
    return [cell for cell in cells if cell.key in wanted]
