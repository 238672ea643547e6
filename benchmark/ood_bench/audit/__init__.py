"""The audit: what separates data sets without any model, and which images they share.

Sets that were resized, compressed or padded differently can be separated by a number unrelated
to their content, and sets that share images cannot be separated fully.
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
