"""A suite: the YAML file that says which models, data sets, detectors and claims to run."""

from ood_bench.suite.load import LoadedSuite, load_suite
from ood_bench.suite.schema import Evaluation, ModelEntry, Pair, PluginEntry, Quoted, Suite
from ood_bench.suite.shipped import shipped_suites, suite_named

__all__ = [
    "Evaluation",
    "LoadedSuite",
    "ModelEntry",
    "Pair",
    "PluginEntry",
    "Quoted",
    "Suite",
    "load_suite",
    "shipped_suites",
    "suite_named",
]
