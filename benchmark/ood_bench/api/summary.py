"""A run in a few lines."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from ood_bench.results import by_one

if TYPE_CHECKING:
    from ood_bench.api.frames import Run


def summary(run: "Run") -> str:
    """Return a summary of a run, one line per kind of content."""
    rows, claims = run.results.rows, run.results.claims
    reproduced = sum(claim.verdict == "reproduced" for claim in claims)
    by = by_one(claim.trainings for claim in claims)
    pairs = {(row.inside, row.outside) for row in rows if row.outside}
    lines = [
        f"{run.name}: {run.results.title}",
        f"  folder     {run.folder}",
        *([f"  changed    {run.record.changes}"] if run.record.changes else []),
        f"  models     {_listed(row.model for row in rows)}",
        f"  detectors  {_listed(row.detector for row in rows if row.detector)}",
        f"  pairs      {_listed(f'{inside} → {outside}' for inside, outside in sorted(pairs))}",
        f"  metrics    {len(run.metrics):,} rows; findings {len(run.findings):,}; "
        f"claims {len(claims)}, {reproduced} of them reproduced{by}",
        f"  left out   {len(run.results.skips)} skipped, {len(run.results.failures)} failed",
    ]
    if run.results.not_kept:
        lines.append(f"  not kept   {len(run.results.not_kept)} of the figures, by the archive")
    return "\n".join(lines)


def _listed(names: Iterable[str], *, most: int = 8) -> str:
    """Return distinct names in order, truncated if there are many."""
    found = list(dict.fromkeys(names))
    more = f", and {len(found) - most} more" if len(found) > most else ""
    return ", ".join(found[:most]) + more if found else "none"
