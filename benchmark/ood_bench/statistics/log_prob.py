"""The log-likelihood of any density model."""

import numpy as np
from numpy.typing import NDArray

from ood_bench.capabilities import DensityModel, named
from ood_bench.detectors import Columns
from ood_bench.lit import DensityModule, importance_weighted
from ood_bench.statistics import Statistic
from ood_bench.statistics.batches import in_batches


class LogProb(Statistic):
    """log P(x) of the 8-bit image, in nats; of a dequantized model over `samples` draws."""

    columns = ("log_prob",)
    requires = DensityModel
    samples = 1

    def compute(self, images: NDArray[np.uint8], model: object) -> Columns:
        """Return `log_prob` of each image."""
        samples = self.samples or 1
        if samples > 1 and isinstance(model, DensityModule):
            return in_batches(
                images,
                model,
                lambda x: {"log_prob": importance_weighted(model, x, samples)},
            )
        density: DensityModel = named(model, DensityModel)
        return in_batches(images, model, lambda x: {"log_prob": density.log_prob(x)})
