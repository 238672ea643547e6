"""The kinds of cells: a new one is a file of its own and an entry here."""

from ood_bench.cells.analysis import Analyse
from ood_bench.cells.audit import AuditPair, AuditSet
from ood_bench.cells.detect import Detect
from ood_bench.cells.metric import AddedMetric, BitsMetric, DetectionMetrics, DifferenceMetric
from ood_bench.cells.score import Score
from ood_bench.cells.spec import Spec
from ood_bench.cells.train import Train

KINDS: list[type[Spec]] = [
    Train,
    Score,
    Detect,
    DetectionMetrics,
    AddedMetric,
    BitsMetric,
    DifferenceMetric,
    Analyse,
    AuditSet,
    AuditPair,
]


def required(family: str) -> frozenset[str]:
    """Return the names of the files that a finished cell must have.

    Args:
        family: What its manifest calls its kind.

    Raises:
        LookupError: If there is no such kind.

    Example:
        >>> sorted(required("analysis"))
        ['findings.json', 'table.parquet']
    """
    found = [kind.files for kind in KINDS if kind.family == family]
    if not found:
        raise LookupError(family)
    return frozenset().union(*found)


def reported() -> tuple[str, ...]:
    """Return the kinds that reports read; the others are read by cells alone."""
    return tuple(dict.fromkeys(kind.kind for kind in KINDS if kind.reported))
