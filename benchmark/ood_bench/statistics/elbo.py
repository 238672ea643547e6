"""The two terms of a latent-variable model's evidence lower bound."""

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ood_bench.capabilities import Infers, named
from ood_bench.detectors import Columns
from ood_bench.statistics import Statistic
from ood_bench.statistics.batches import in_batches


class Elbo(Statistic):
    """The ELBO and its terms E_q[log P(x|z)] and KL(q(z|x) ‖ p(z)), in nats.

    The expectation is over one draw of z, fixed for each image. The ELBO is the difference of
    the terms in float64; the model's `log_prob` may be a tighter bound.

    Reference:
        Kingma & Welling, Auto-Encoding Variational Bayes, ICLR 2014, arXiv:1312.6114.
    """

    columns = ("elbo", "reconstruction", "kl")
    requires = Infers

    def compute(self, images: NDArray[np.uint8], model: object) -> Columns:
        """Return `elbo`, `reconstruction` and `kl` of each image."""
        inferring: Infers = named(model, Infers)

        def terms(x: Tensor) -> dict[str, Tensor]:
            return inferring.elbo_terms(x)._asdict()

        found = in_batches(images, model, terms)
        return {"elbo": found["reconstruction"] - found["kl"], **found}
