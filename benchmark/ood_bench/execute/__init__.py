"""Executors: run what a plan lacks."""

from ood_bench.cells.bench import Bench, Step
from ood_bench.execute.executor import Done, Executor, Failed, Outcome
from ood_bench.execute.inline import Inline
from ood_bench.execute.processes import Processes, jobs_for

__all__ = [
    "Bench",
    "Done",
    "Executor",
    "Failed",
    "Inline",
    "Outcome",
    "Processes",
    "Step",
    "jobs_for",
]
