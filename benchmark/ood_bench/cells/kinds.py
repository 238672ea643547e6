"""The kinds of cells. A new kind is one file and one entry here."""

from ood_bench.cells.analysis import Analyse
from ood_bench.cells.audit import AuditPair, AuditSet
from ood_bench.cells.detect import Detect
from ood_bench.cells.distance import PairDistance
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
    PairDistance,
]


def required(family: str) -> frozenset[str]:
    """Return the names of the files that a finished cell of a kind must have.

    Args:
        family: The `kind` in its manifest.

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
    """Return the kinds whose results reports read; other kinds are inputs of cells only."""
    return tuple(dict.fromkeys(kind.kind for kind in KINDS if kind.reported))
