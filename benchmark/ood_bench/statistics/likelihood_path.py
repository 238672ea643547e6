"""Norms of what a VAE computes on the way to its likelihood."""

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ood_bench.capabilities import Reconstructs, named
from ood_bench.detectors import Columns
from ood_bench.float64 import in_float64
from ood_bench.statistics import Statistic
from ood_bench.statistics.batches import float_like, in_batches


class LikelihoodPath(Statistic):
    """‖x − x̂‖, ‖μ‖ and ‖σ‖: the reconstruction's error, and the posterior's two moments.

    q(z|x) = N(μ, σ²) is the posterior, and x̂ the mean of P(x|z) at z = μ, on images on [0, 1].
    Norms are Euclidean. The paper also names the norm of the decoder's standard deviation and
    leaves it out of its runs, where it is fixed. One encoding and one decoding.

    Reference:
        Huang et al., Rethinking Test-time Likelihood: The Likelihood Path Principle and Its
        Application to OOD Detection, 2024, arXiv:2401.04933.
    """

    columns = ("likelihood_path.error", "likelihood_path.mean", "likelihood_path.std")
    requires = Reconstructs

    def compute(self, images: NDArray[np.uint8], model: object) -> Columns:
        """Return the three norms of each image."""
        vae: Reconstructs = named(model, Reconstructs)

        def norms(x: Tensor) -> dict[str, Tensor]:
            mean, log_std = vae.posterior(x)
            error = vae.reconstruct(mean) - float_like(model, x) / 255.0
            values = (error.flatten(1), mean, log_std.exp())
            found = (in_float64(value).norm(dim=1) for value in values)
            return dict(zip(self.columns, found, strict=True))

        return in_batches(images, model, norms)
