"""Scoring: apply a trained model, apart from its run, to any images."""

from ood_bench.scoring.exported import export, read_exported
from ood_bench.scoring.find import find_model, models_of
from ood_bench.scoring.images import Gathered, gather
from ood_bench.scoring.judge import Judged, judge
from ood_bench.scoring.trained import HeldOut, TrainedModel

__all__ = [
    "Gathered",
    "HeldOut",
    "Judged",
    "TrainedModel",
    "export",
    "find_model",
    "gather",
    "judge",
    "models_of",
    "read_exported",
]
