"""Can a generative model's likelihood tell in-distribution from out-of-distribution images?

From Python: `run` runs a suite, `load_run` reads a finished run as pandas frames, `evaluate`
measures two sets of scores, `evaluate_detectors` detectors on columns of any origin, `score` scores
images with a trained model. What they need is imported when they are used.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ood_bench.api import (
        AuditedData,
        Check,
        DetectorEvaluation,
        DryRun,
        Evaluation,
        Event,
        Leaderboard,
        Run,
        audit_data,
        audit_suite,
        check,
        dry_run,
        evaluate,
        evaluate_detectors,
        leaderboard,
        load_run,
        run,
        score,
    )

__version__ = "0.2.0"

__all__ = [
    "AuditedData",
    "Check",
    "DetectorEvaluation",
    "DryRun",
    "Evaluation",
    "Event",
    "Leaderboard",
    "Run",
    "audit_data",
    "audit_suite",
    "check",
    "dry_run",
    "evaluate",
    "evaluate_detectors",
    "leaderboard",
    "load_run",
    "run",
    "score",
]


def __getattr__(name: str) -> Any:
    if name in __all__:
        from ood_bench import api

        return getattr(api, name)
    raise AttributeError(f"module 'ood_bench' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
