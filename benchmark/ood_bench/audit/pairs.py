"""Audit of a pair: separation by one number per image, and shared images."""

from collections.abc import Mapping
from typing import NamedTuple

from ood_bench.audit.duplicates import Shared, shared
from ood_bench.audit.sets import Audited, features_of
from ood_bench.metrics import Measure, delong


class PairAudit(NamedTuple):
    """Result of the audit of a pair.

    Attributes:
        counts: Number of images of `inside`, `outside` and, if given, `train`.
        separations: AUROC of each number as a score, by its name in reports; never flipped.
        test: Outside test images among the inside's test images.
        train: Outside test images among the inside's training images; None without them.
        inside: Inside test images among the inside's training images, likewise, without
            near-duplicates.
    """

    counts: Mapping[str, int]
    separations: Mapping[str, Measure]
    test: Shared
    train: Shared | None
    inside: Shared | None


def audit_pair(
    inside: Audited, train: Audited | None, outside: Audited, *, level: float
) -> PairAudit:
    """Audit a pair.

    Args:
        inside: The inside's test images.
        train: Its training images, if it has any; only their hashes are read.
        outside: The outside's test images, in the same shape.
        level: Coverage of the intervals.
    """
    own, other = features_of(inside.columns), features_of(outside.columns)
    sides = {"inside": inside, "train": train, "outside": outside}
    return PairAudit(
        counts={name: len(side.pixels) for name, side in sides.items() if side},
        separations={name: delong(own[name], other[name], level=level) for name in own},
        test=_shared(outside, inside),
        train=_shared(outside, train) if train else None,
        inside=_shared(inside, train, near=False) if train else None,
    )


def _shared(images: Audited, others: Audited, *, near: bool = True) -> Shared:
    return shared(images.pixels, images.columns, others.pixels, others.columns, near=near)
