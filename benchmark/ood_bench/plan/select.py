"""A part of a plan, chosen by the names of its cells."""

from collections.abc import Sequence
from dataclasses import replace
from fnmatch import fnmatchcase

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
    return replace(
        plan,
        cells=tuple(kept),
        skips=tuple(skips),
        audits=tuple(ref for ref in plan.audits if ref.key not in gone),
        analyses=tuple(ref for ref in plan.analyses if ref.key not in gone),
        bpds=tuple(ref for ref in plan.bpds if ref.key not in gone),
        detections=tuple(ref for ref in plan.detections if ref.key not in gone),
        pairings=tuple(ref for ref in plan.pairings if ref.key not in gone),
    )


def _with_inputs(cells: Sequence[Cell], only: Sequence[str]) -> list[Cell]:
    wanted: set[str] = set()
    for cell in reversed(cells):
        if cell.key in wanted or any(fnmatchcase(cell.name, glob) for glob in only):
            wanted |= {cell.key, *cell.inputs.values()}
    return [cell for cell in cells if cell.key in wanted]
