"""log_prob of any density model."""

import numpy as np
from numpy.typing import NDArray

from ood_bench.capabilities import DensityModel
from ood_bench.detectors import Columns
from ood_bench.statistics import Statistic
from ood_bench.statistics.batches import in_batches


class LogProb(Statistic):
    """log P(x) of the 8-bit image, in nats."""

    columns = ("log_prob",)
    requires = DensityModel

    def compute(self, images: NDArray[np.uint8], model: DensityModel | None) -> Columns:
        """Return `log_prob` of each image."""
        if model is None:
            raise ValueError("log_prob is a statistic of a model, and none was given")
        return in_batches(images, model, lambda x: {"log_prob": model.log_prob(x)})
