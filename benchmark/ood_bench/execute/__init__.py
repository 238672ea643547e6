"""Executors: run what a plan lacks."""

from ood_bench.cells.context import Step, WorkContext
from ood_bench.cells.worker import Worker
from ood_bench.execute.choose import load_executor, usual_executor
from ood_bench.execute.cluster import Cluster, load_cluster
from ood_bench.execute.devices import device_named
from ood_bench.execute.executor import Done, Executor, Failed, Missing, Outcome
from ood_bench.execute.finish import finish
from ood_bench.execute.inline import Inline
from ood_bench.execute.processes import Processes, jobs_for
from ood_bench.execute.schedule import Schedule

__all__ = [
    "Cluster",
    "Done",
    "Executor",
    "Failed",
    "Inline",
    "Missing",
    "Outcome",
    "Processes",
    "Schedule",
    "Step",
    "WorkContext",
    "Worker",
    "device_named",
    "finish",
    "jobs_for",
    "load_cluster",
    "load_executor",
    "usual_executor",
]
