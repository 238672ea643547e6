"""A plan: the cells that a suite asks for, in an order in which they can run."""

from ood_bench.plan.build import build_plan
from ood_bench.plan.cell import (
    AnalysisRef,
    AuditRef,
    BpdRef,
    Cell,
    DataRef,
    DetectionRef,
    PairingRef,
    Plan,
    Skip,
    TrainingRef,
)

__all__ = [
    "AnalysisRef",
    "AuditRef",
    "BpdRef",
    "Cell",
    "DataRef",
    "DetectionRef",
    "PairingRef",
    "Plan",
    "Skip",
    "TrainingRef",
    "build_plan",
]
