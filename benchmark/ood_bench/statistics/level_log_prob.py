"""The contribution of each level of a multi-scale flow to the log-likelihood."""

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ood_bench.capabilities import DecomposesByLevel, named
from ood_bench.detectors import Columns
from ood_bench.float64 import in_float64
from ood_bench.statistics import Statistic
from ood_bench.statistics.batches import in_batches


class LevelLogProb(Statistic):
    """Contribution of each level to log P(x), in nats; the contributions sum to log P(x).

    Column `level_log_prob.0` is that of the finest level: its prior and its volume term, minus
    ln 256 for each of its latents.

    Reference:
        Schirrmeister et al., Understanding Anomaly Detection with Deep Invertible Networks
        through Hierarchies of Distributions and Features, NeurIPS 2020, arXiv:2006.10848.
    """

    columns = ("level_log_prob.*",)
    requires = DecomposesByLevel

    def compute(self, images: NDArray[np.uint8], model: object) -> Columns:
        """Return a column for each level."""
        flow: DecomposesByLevel = named(model, DecomposesByLevel)

        def parts(x: Tensor) -> dict[str, Tensor]:
            return {
                f"level_log_prob.{number}": in_float64(log_prior) + in_float64(log_volume)
                for number, (log_prior, log_volume) in enumerate(flow.decompose_levels(x))
            }

        return in_batches(images, model, parts)
