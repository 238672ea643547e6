"""Norm of the posterior mean of a latent-variable model."""

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ood_bench.capabilities import InfersGaussian, named
from ood_bench.detectors import Columns
from ood_bench.float64 import in_float64
from ood_bench.statistics import Statistic
from ood_bench.statistics.batches import in_batches


class PosteriorNorm(Statistic):
    """Euclidean norm of the posterior's mean: `latent_norm` of a model that infers its latents."""

    columns = ("latent_norm",)
    requires = InfersGaussian

    def compute(self, images: NDArray[np.uint8], model: object) -> Columns:
        """Return `latent_norm` of each image."""
        inferring: InfersGaussian = named(model, InfersGaussian)

        def norm(x: Tensor) -> dict[str, Tensor]:
            mean, _ = inferring.posterior(x)
            return {"latent_norm": in_float64(mean).norm(dim=1)}

        return in_batches(images, model, norm)
