"""The two terms of a flow's log-likelihood."""

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ood_bench.capabilities import Decomposes, named
from ood_bench.detectors import Columns
from ood_bench.statistics import Statistic
from ood_bench.statistics.batches import in_batches


class DecompositionTerms(Statistic):
    """log P(x), its prior term log p(z) and its volume term log |dz/dx|, in nats.

    One pass through the flow gives both terms, and their sum in float64 is `log_prob`.
    """

    columns = ("log_prob", "log_prior", "log_volume")
    requires = Decomposes

    def compute(self, images: NDArray[np.uint8], model: object) -> Columns:
        """Return `log_prob`, `log_prior` and `log_volume` of each image."""
        flow: Decomposes = named(model, Decomposes)

        def terms(x: Tensor) -> dict[str, Tensor]:
            return flow.decompose(x)._asdict()

        found = in_batches(images, model, terms)
        return {"log_prob": found["log_prior"] + found["log_volume"], **found}
