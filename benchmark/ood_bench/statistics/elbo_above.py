"""The bounds of a hierarchical model with its lowest levels of latents from the prior."""

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ood_bench.capabilities import InfersAbove, named
from ood_bench.detectors import Columns
from ood_bench.statistics import Statistic
from ood_bench.statistics.batches import in_batches


class ElboAbove(Statistic):
    """L^{>k} for k = 0, …, L − 1, in nats: bounds with k lowest levels drawn from the prior.

    `elbo_above.0` is the model's `log_prob`; its difference from `elbo_above.k` is the
    likelihood ratio LLR^{>k}.

    Reference:
        Havtorn et al., Hierarchical VAEs Know What They Don't Know, ICML 2021, arXiv:2102.08248.
    """

    columns = ("elbo_above.*",)
    requires = InfersAbove

    def compute(self, images: NDArray[np.uint8], model: object) -> Columns:
        """Return `elbo_above.0` to `elbo_above.{L - 1}` of each image."""
        hierarchy: InfersAbove = named(model, InfersAbove)

        def bounds(x: Tensor) -> dict[str, Tensor]:
            return {
                f"elbo_above.{k}": hierarchy.elbo_above(x, k)
                for k in range(hierarchy.latent_levels)
            }

        return in_batches(images, model, bounds)
