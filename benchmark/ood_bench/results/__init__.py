"""Results of a run as values: the input of claims and reports."""

from ood_bench.results.audit import TRIVIAL, Audit, DataAudit, Overlap, Separation
from ood_bench.results.categories import Category, CategoryMean, Corrupted, Labelled, Nearness
from ood_bench.results.recomputed import Recomputed
from ood_bench.results.run import (
    GROUPED,
    AnalysisTable,
    ClaimResult,
    Cost,
    DataCard,
    Difference,
    FindingRow,
    Metric,
    Omission,
    PublishedAuroc,
    Ranking,
    RelatedMeasure,
    Results,
    Row,
    TrainingCard,
    Variant,
    Verdict,
)
from ood_bench.results.run_comparison import ComparedClaim, ComparedRow, RunComparison
from ood_bench.results.trainings import by_one, trainings, verdict_in_words, without_trainings
from ood_bench.results.untrained import untrained, why_untrained

__all__ = [
    "GROUPED",
    "TRIVIAL",
    "AnalysisTable",
    "Audit",
    "Category",
    "CategoryMean",
    "ClaimResult",
    "ComparedClaim",
    "ComparedRow",
    "Corrupted",
    "Cost",
    "DataAudit",
    "DataCard",
    "Difference",
    "FindingRow",
    "Labelled",
    "Metric",
    "Nearness",
    "Omission",
    "Overlap",
    "PublishedAuroc",
    "Ranking",
    "Recomputed",
    "RelatedMeasure",
    "Results",
    "Row",
    "RunComparison",
    "Separation",
    "TrainingCard",
    "Variant",
    "Verdict",
    "by_one",
    "trainings",
    "untrained",
    "verdict_in_words",
    "why_untrained",
    "without_trainings",
]
