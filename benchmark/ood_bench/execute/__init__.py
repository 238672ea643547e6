"""Executors: run what a plan lacks."""

from ood_bench.execute.bench import Bench, Step
from ood_bench.execute.executor import Done, Executor, Failed, Outcome
from ood_bench.execute.inline import Inline

__all__ = ["Bench", "Done", "Executor", "Failed", "Inline", "Outcome", "Step"]
