"""The audit of a run's data, from finished cells alone."""

from collections.abc import Iterable, Mapping
from typing import Any

from ood_bench.audit import BITS, CORRELATION, DISTANCE, FEATURES, Shared, Summary
from ood_bench.cells import Cells
from ood_bench.errors import StoreError
from ood_bench.metrics import Measure
from ood_bench.plan import AuditRef
from ood_bench.results import Audit, DataAudit, Overlap, Separation
from ood_bench.runs.contents import PairFound
from ood_bench.runs.record import RunRecord

Found = Mapping[str, Any]


def collect_audit(record: RunRecord, store: Cells) -> Audit | None:
    """Return what the audit of a run found; None if nothing was audited."""
    done = [ref for ref in record.audits if store.has(ref.key)]
    return gather((ref, _read(ref, store)) for ref in done) if done else None


def _read(ref: AuditRef, store: Cells) -> Found:
    if ref.outside is None:
        return store.read_typed(ref.key, "audit.json", Summary)._asdict()
    found = store.read_typed(ref.key, "audit.json", PairFound)
    if lacking := found.lacking():
        raise StoreError(f"{store.told(ref.key, 'audit.json')} is damaged: no {lacking[0]}")
    return vars(found)


def gather(found: Iterable[tuple[AuditRef, Found]]) -> Audit:
    """Return the audits of sets and pairs as one.

    Args:
        found: What each found: the fields of an `audit.Summary` or an `audit.PairAudit`.
    """
    data: list[DataAudit] = []
    separations: list[Separation] = []
    overlaps: dict[Overlap, None] = {}
    for ref, fields in found:
        if ref.outside is None:
            data.append(_set(ref, fields))
            continue
        counts = fields["counts"]
        separations += [
            Separation(
                ref.inside,
                ref.outside,
                ref.shape,
                feature,
                *Measure(*fields["separations"][feature]),
                n_inside=counts["inside"],
                n_outside=counts["outside"],
            )
            for feature in FEATURES
        ]
        overlaps |= dict.fromkeys(_overlaps(ref.outside, ref, fields))
    return Audit(
        tuple(data),
        tuple(separations),
        tuple(overlaps),
        distance=DISTANCE,
        bits=BITS,
        correlation=CORRELATION,
    )


def _set(ref: AuditRef, fields: Found) -> DataAudit:
    told: dict[str, Any] = dict(fields)
    for name in ("channel_means", "channel_variances"):
        told[name] = tuple(told[name])
    return DataAudit(name=ref.inside, shape=ref.shape, count=told.pop("images"), **told)


def _overlaps(outside: str, ref: AuditRef, fields: Found) -> Iterable[Overlap]:
    counts = fields["counts"]
    for key, data, side, split, other_side in (
        ("test", outside, "outside", "test", "inside"),
        ("train", outside, "outside", "train", "train"),
        ("inside", ref.inside, "inside", "train", "train"),
    ):
        if fields[key] is not None:
            yield Overlap(
                data=data,
                split="test",
                count=counts[side],
                other=ref.inside,
                other_split=split,
                other_count=counts[other_side],
                shape=ref.shape,
                **Shared(*fields[key])._asdict(),
            )
