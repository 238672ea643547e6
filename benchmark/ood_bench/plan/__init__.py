"""A plan: the cells that a suite asks for, in topological order."""

from ood_bench.plan.build import build_plan
from ood_bench.plan.bundles import Bundle, bundles_of
from ood_bench.plan.plan import DataRead, Plan

__all__ = ["Bundle", "DataRead", "Plan", "build_plan", "bundles_of"]
