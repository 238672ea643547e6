"""What a run found, as values: all that a claim or a report reads."""

from ood_bench.results.audit import TRIVIAL, Audit, DataAudit, Overlap, Separation
from ood_bench.results.run import (
    AnalysisTable,
    Beside,
    ClaimResult,
    Comparison,
    Cost,
    DataCard,
    Difference,
    FindingRow,
    Metric,
    Omission,
    Quotation,
    Results,
    Row,
    TrainingCard,
    Verdict,
)
from ood_bench.results.trainings import by_one, judged, trainings, without_trainings
from ood_bench.results.untrained import untrained, why_untrained
from ood_bench.results.versus import Versus, VersusClaim, VersusRow

__all__ = [
    "TRIVIAL",
    "AnalysisTable",
    "Audit",
    "Beside",
    "ClaimResult",
    "Comparison",
    "Cost",
    "DataAudit",
    "DataCard",
    "Difference",
    "FindingRow",
    "Metric",
    "Omission",
    "Overlap",
    "Quotation",
    "Results",
    "Row",
    "Separation",
    "TrainingCard",
    "Verdict",
    "Versus",
    "VersusClaim",
    "VersusRow",
    "by_one",
    "judged",
    "trainings",
    "untrained",
    "why_untrained",
    "without_trainings",
]
