"""Collect the audit of a run's data from finished cells."""

from collections.abc import Iterable, Mapping
from typing import Any

from ood_bench.audit import BITS, CORRELATION, DISTANCE, FEATURES, Shared
from ood_bench.cells import Address, Cells, RecordedCell
from ood_bench.cells.audit import AuditPair, AuditSet
from ood_bench.metrics import Measure
from ood_bench.results import Audit, DataAudit, Overlap, Separation
from ood_bench.runs.record import RunRecord

Found = Mapping[str, Any]


def collect_audit(record: RunRecord, store: Cells) -> Audit | None:
    """Return the audit of a run; None if nothing was audited."""
    done = [cell for cell in record.of("audit") if store.has(cell.key)]
    return combine_audits((cell.at, _read(cell, store)) for cell in done) if done else None


def _read(cell: RecordedCell, store: Cells) -> Found:
    if not cell.at.outside:
        return AuditSet.read(store, cell.key)._asdict()
    return vars(AuditPair.read(store, cell.key))


def combine_audits(found: Iterable[tuple[Address, Found]]) -> Audit:
    """Combine the audits of data sets and pairs.

    Args:
        found: The address and the result of each. For a pair the address has an outside, and the
            result the fields of an `audit.PairAudit`; otherwise those of an `audit.Summary`.
    """
    data: list[DataAudit] = []
    separations: list[Separation] = []
    overlaps: dict[Overlap, None] = {}
    for at, fields in found:
        if not at.outside:
            data.append(_set(at, fields))
            continue
        counts = fields["counts"]
        separations += [
            Separation(
                at.inside,
                at.outside,
                at.shape,
                feature,
                *Measure(*fields["separations"][feature]),
                n_inside=counts["inside"],
                n_outside=counts["outside"],
            )
            for feature in FEATURES
        ]
        overlaps |= dict.fromkeys(_overlaps(at, fields))
    return Audit(
        tuple(data),
        tuple(separations),
        tuple(overlaps),
        distance=DISTANCE,
        bits=BITS,
        correlation=CORRELATION,
    )


def _set(at: Address, fields: Found) -> DataAudit:
    values: dict[str, Any] = dict(fields)
    for name in ("channel_means", "channel_variances"):
        values[name] = tuple(values[name])
    return DataAudit(name=at.inside, shape=at.shape, count=values.pop("images"), **values)


def _overlaps(at: Address, fields: Found) -> Iterable[Overlap]:
    counts = fields["counts"]
    for key, data, side, split, other_side in (
        ("test", at.outside, "outside", "test", "inside"),
        ("train", at.outside, "outside", "train", "train"),
        ("inside", at.inside, "inside", "train", "train"),
    ):
        if fields[key] is not None:
            yield Overlap(
                data=data,
                split="test",
                count=counts[side],
                other=at.inside,
                other_split=split,
                other_count=counts[other_side],
                shape=at.shape,
                **Shared(*fields[key])._asdict(),
            )
