"""Norm of a flow's latents."""

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ood_bench.capabilities import Encodes, named
from ood_bench.detectors import Columns
from ood_bench.float64 import in_float64
from ood_bench.statistics import Statistic
from ood_bench.statistics.batches import float_like, in_batches


class LatentNorm(Statistic):
    """Euclidean norm of a flow's latents, taken at the middle of each pixel's bin.

    y = (x + 1/2) / 256. Under a standard normal prior of D dimensions it is about √D.

    Reference:
        Nalisnick et al., Detecting Out-of-Distribution Inputs to Deep Generative Models Using
        Typicality, 2019, arXiv:1906.02994, on the shell that typical latents lie on.
    """

    columns = ("latent_norm",)
    requires = Encodes

    def compute(self, images: NDArray[np.uint8], model: object) -> Columns:
        """Return `latent_norm` of each image."""
        flow: Encodes = named(model, Encodes)

        def norm(x: Tensor) -> dict[str, Tensor]:
            z = flow.encode((float_like(model, x) + 0.5) / 256.0)
            return {"latent_norm": in_float64(z).norm(dim=1)}

        return in_batches(images, model, norm)
