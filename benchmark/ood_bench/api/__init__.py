"""The Python interface: runs as frames, metrics of two sets of scores, scores of images."""

from ood_bench.api.evaluation import Evaluation, evaluate
from ood_bench.api.run import Run, load_run
from ood_bench.api.scoring import score

__all__ = ["Evaluation", "Run", "evaluate", "load_run", "score"]
