"""The audit: what the images of a data set or a pair tell without any model.

Sets that were resized, compressed or padded in different ways can be told apart by a number that
has nothing to do with what they show, and sets that share images cannot be told apart at all.
"""

from ood_bench.audit.duplicates import BITS, CORRELATION, DISTANCE, Shared, repeated, shared
from ood_bench.audit.pairs import PairAudit, audit_pair
from ood_bench.audit.sets import FEATURES, Audited, Summary, features_of, summarise

__all__ = [
    "BITS",
    "CORRELATION",
    "DISTANCE",
    "FEATURES",
    "Audited",
    "PairAudit",
    "Shared",
    "Summary",
    "audit_pair",
    "features_of",
    "repeated",
    "shared",
    "summarise",
]
