"""Metrics: two sets of scores to a number with its interval.

Scores are larger for out-of-distribution images. AUROC is the chance that an outside image
scores above an inside one, and is never flipped. AUPR-Out has the outside images as positives,
AUPR-In the inside ones. FPR@95TPR has the inside images as positives: the share of outside
images accepted when 95 % of inside images are.
"""

from ood_bench.metrics.bits import mean_bpd
from ood_bench.metrics.bootstrap import evaluate
from ood_bench.metrics.differences import mean_difference
from ood_bench.metrics.measure import Measure
from ood_bench.metrics.pooling import pool, pooled_p
from ood_bench.metrics.ranks import dense_ranks
from ood_bench.metrics.roc import auroc, delong, paired_delong, placements
from ood_bench.metrics.spec import DetectionMetric, MetricSpec, Sample
from ood_bench.metrics.standard import SPECS, STANDARD, StandardMetric
from ood_bench.metrics.thresholds import Tally, aupr_in, aupr_out, detection_error, fpr95

__all__ = [
    "SPECS",
    "STANDARD",
    "DetectionMetric",
    "Measure",
    "MetricSpec",
    "Sample",
    "StandardMetric",
    "Tally",
    "aupr_in",
    "aupr_out",
    "auroc",
    "delong",
    "dense_ranks",
    "detection_error",
    "evaluate",
    "fpr95",
    "mean_bpd",
    "mean_difference",
    "paired_delong",
    "placements",
    "pool",
    "pooled_p",
]
