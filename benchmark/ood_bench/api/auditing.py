"""What separates data sets without any model."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ood_bench.api.planning import SuiteLike, prepare
from ood_bench.api.tabular import frame
from ood_bench.results import Audit, DataAudit, Omission, Overlap, Separation

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

LEVEL = 0.95


@dataclass(frozen=True)
class AuditedData:
    """An audit: statistics of data sets, what separates pairs without a model, shared images.

    Attributes:
        found: The whole audit, as reports read it.
        level: Coverage of the intervals.
        skips: Pairs of a suite that were left out, each with its reason.
    """

    found: Audit
    level: float
    skips: tuple[Omission, ...] = ()

    @property
    def data(self) -> "pd.DataFrame":
        """One row per data set: channel means, variances, values, PNG bits, repeated images."""
        return frame(self.found.data, DataAudit)

    @property
    def separations(self) -> "pd.DataFrame":
        """One row per pair and number per image: the AUROC of that number as a score."""
        return frame(self.found.separations, Separation)

    @property
    def overlaps(self) -> "pd.DataFrame":
        """One row per two sets: how many images they share, identical and near-duplicate."""
        return frame(self.found.overlaps, Overlap)

    def __repr__(self) -> str:
        """Return a summary line, and one line per pair that a number separates."""
        lines = [f"{len(self.found.data)} data sets, {len(self.found.separations)} separations"]
        lines += [
            f"{one.inside} → {one.outside}: {one.feature} alone has AUROC {one.value:.3f}"
            for one in self.found.separations
            if one.trivial
        ]
        return "\n".join(lines)


def audit_data(inside: str, *outside: str, data: str | Path | None = None) -> AuditedData:
    """Audit data sets: what separates them without any model.

    Args:
        inside: `NAME` or `NAME:SPLIT`, with the name of a data set of the catalogue, or the path of
            a folder of images or of an `.npz` archive; the split defaults to `test`. Images of a
            folder are cropped to a square, and to 64×64 pixels if they are larger.
        outside: Likewise; each forms a pair with the inside and is transformed to its shape.
        data: The folder of data sets; default: the environment variable OOD_BENCH_DATA.

    Raises:
        DataError: If a data set is unknown or missing.

    Example:
        >>> audit_data("mnist_20k:test", "constant").separations.query("trivial")  # doctest: +SKIP
    """
    from ood_bench.audit import Audited, audit_pair, summarise
    from ood_bench.cells import Address
    from ood_bench.data import Library
    from ood_bench.data.own import options_of, shape_of
    from ood_bench.runs import combine_audits

    root = data or os.environ.get("OOD_BENCH_DATA")
    library = Library(root=Path(root) if root else None, index=None)

    def split(of: str) -> tuple[str, str]:
        if ":" not in of or Path(of).expanduser().exists():
            return of, "test"
        name, _, part = of.rpartition(":")
        return name, part or "test"

    sides = [(*split(of), of) for of in (inside, *outside)]
    options = {name: options_of(name, library) for name, _, _ in sides}
    first, part, _ = sides[0]
    shape = shape_of(first, options[first], library)

    def load(name: str, part: str) -> "NDArray[np.uint8]":
        return library.load(name, options[name], part, shape).pixels

    one, train = Audited.of(load(first, part)), None
    if part != "train" and "train" in library.splits(first, options[first]):
        train = Audited.hashed(load(first, "train"))
    found = [(Address(inside=inside, shape=str(shape)), summarise(one)._asdict())]
    for name, side, of in sides[1:]:
        other = Audited.of(load(name, side))
        found.append((Address(inside=of, shape=str(shape)), summarise(other)._asdict()))
        at = Address(inside=inside, outside=of, shape=str(shape))
        found.append((at, audit_pair(one, train, other, level=LEVEL)._asdict()))
    return AuditedData(combine_audits(found), LEVEL)


def audit_suite(
    suite: SuiteLike, *, data: str | Path | None = None, results: str | Path = "results"
) -> AuditedData:
    """Audit all pairs of a suite; the audit is stored, and later runs reuse it.

    Args:
        suite: As in `run`.
        data: The folder of data sets; default: the environment variable OOD_BENCH_DATA.
        results: The folder of all runs, which contains the store.

    Raises:
        OodBenchError: If there is a mistake in the suite, no pair is left, or a cell fails.
    """
    prepared = prepare(
        suite,
        data=data,
        results=Path(results),
        embedded=False,
        scale=1.0,
        set={"evaluation.audit": True},
        only="audit/*",
        skip=(),
        fresh=False,
        device="cpu",
        lenient=True,
        remember=True,
    )

    from ood_bench.errors import CellError
    from ood_bench.execute import Failed, Inline, WorkContext
    from ood_bench.runs import RunRecord, collect_audit

    plan, store, loaded = prepared.plan, prepared.store, prepared.loaded
    context = WorkContext(prepared.registry, prepared.library, prepared.device)
    for outcome in Inline().run(plan, store, context):
        if isinstance(outcome, Failed):
            raise CellError(f"{outcome.cell.name}: {outcome.message}")
    found = collect_audit(RunRecord.begun(loaded.suite, plan), store)
    if found is None:
        raise CellError(f"{loaded.source.path}: the suite has no pair to audit")
    skips = tuple(skip for skip in plan.skips if skip.cell.startswith("pair "))
    return AuditedData(found, loaded.suite.evaluation.level, skips)
