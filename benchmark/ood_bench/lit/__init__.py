"""Training by maximum likelihood: the Lightning base class, and the one function that fits."""

from ood_bench.lit.build import build
from ood_bench.lit.course import Progress
from ood_bench.lit.fit import FitReport, fit
from ood_bench.lit.module import DensityModule
from ood_bench.lit.probes import Probe

__all__ = ["DensityModule", "FitReport", "Probe", "Progress", "build", "fit"]
