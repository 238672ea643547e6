"""Training: the Lightning base classes, and the one function that fits."""

from ood_bench.lit.build import build
from ood_bench.lit.course import TrainingProgress
from ood_bench.lit.draws import importance_weighted
from ood_bench.lit.fit import FitReport, fit
from ood_bench.lit.floats import FloatDensity
from ood_bench.lit.image_input import ImageInput
from ood_bench.lit.loggers import Logs, refuse_missing_logger
from ood_bench.lit.module import ClassifierModule, DensityModule, ImageModule
from ood_bench.lit.network import NetworkClassifier
from ood_bench.lit.optimizers import check_optimizer
from ood_bench.lit.pretrained import adopt, load_pretrained
from ood_bench.lit.probes import Probe
from ood_bench.lit.rehearsal import cannot_score
from ood_bench.lit.sanity import Sanity, judged
from ood_bench.lit.size import Size, outline, refuse_too_large
from ood_bench.lit.state import TrainingState

__all__ = [
    "ClassifierModule",
    "DensityModule",
    "FitReport",
    "FloatDensity",
    "ImageInput",
    "ImageModule",
    "Logs",
    "NetworkClassifier",
    "Probe",
    "Sanity",
    "Size",
    "TrainingProgress",
    "TrainingState",
    "adopt",
    "build",
    "cannot_score",
    "check_optimizer",
    "fit",
    "importance_weighted",
    "judged",
    "load_pretrained",
    "outline",
    "refuse_missing_logger",
    "refuse_too_large",
]
