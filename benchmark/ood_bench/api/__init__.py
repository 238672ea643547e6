"""The Python interface: the commands as functions, runs as frames, metrics and scores of images.

Dependencies of each part are imported on first use.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ood_bench.api.auditing import AuditedData, audit_data, audit_suite
    from ood_bench.api.checking import Check, check
    from ood_bench.api.cluster_status import BundleStatus, status
    from ood_bench.api.clusters import JobArray, job_arrays
    from ood_bench.api.detecting import DetectorEvaluation, evaluate_detectors
    from ood_bench.api.evaluation import Evaluation, evaluate
    from ood_bench.api.events import Begun, Drawn, Event
    from ood_bench.api.frames import Run
    from ood_bench.api.leaderboards import Leaderboard, leaderboard
    from ood_bench.api.loading import load_run
    from ood_bench.api.planning import DryRun, dry_run
    from ood_bench.api.running import run
    from ood_bench.api.scoring import score

_MODULES = {
    "auditing": ("AuditedData", "audit_data", "audit_suite"),
    "checking": ("Check", "check"),
    "clusters": ("JobArray", "job_arrays"),
    "detecting": ("DetectorEvaluation", "evaluate_detectors"),
    "evaluation": ("Evaluation", "evaluate"),
    "events": ("Begun", "Drawn", "Event"),
    "frames": ("Run",),
    "leaderboards": ("Leaderboard", "leaderboard"),
    "loading": ("load_run",),
    "planning": ("DryRun", "dry_run"),
    "running": ("run",),
    "scoring": ("score",),
    "cluster_status": ("BundleStatus", "status"),
}

__all__ = [
    "AuditedData",
    "Begun",
    "BundleStatus",
    "Check",
    "DetectorEvaluation",
    "Drawn",
    "DryRun",
    "Evaluation",
    "Event",
    "JobArray",
    "Leaderboard",
    "Run",
    "audit_data",
    "audit_suite",
    "check",
    "dry_run",
    "evaluate",
    "evaluate_detectors",
    "job_arrays",
    "leaderboard",
    "load_run",
    "run",
    "score",
    "status",
]


def __getattr__(name: str) -> Any:
    for module, names in _MODULES.items():
        if name in names:
            return getattr(import_module(f"ood_bench.api.{module}"), name)
    raise AttributeError(f"module 'ood_bench.api' has no attribute '{name}'")
