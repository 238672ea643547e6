"""The log-likelihood of a dequantized model over several draws of the noise."""

import math

import torch
from torch import Tensor

from ood_bench.float64 import in_float64
from ood_bench.hashing import seed_for
from ood_bench.lit.module import DensityModule


def importance_weighted(model: DensityModule, x: Tensor, samples: int) -> Tensor:
    r"""Return the log of the mean likelihood over K uniform draws, in nats, float64 `(B,)`.

    $\log \frac 1 K \sum_k p(x + u_k) / 256^D$, whose expectation rises with K towards
    $\log P(x)$, like the bound of an importance-weighted autoencoder. The first draw is that of
    `log_prob`, and all are functions of the image: K = 1 gives `log_prob`.

    Args:
        model: A model in evaluation whose `log_prob` takes its noise from `dequantize`.
        x: uint8 images `(B, C, H, W)`.
        samples: Number of draws K.

    Reference:
        Burda et al., Importance Weighted Autoencoders, ICLR 2016, arXiv:1509.00519;
        Ho et al., Flow++, ICML 2019, arXiv:1902.00275, whose K is 4096 for what they report.
    """
    draws = []
    try:
        for k in range(samples):
            model.draw = seed_for("dequantization", k) if k else 0
            draws.append(in_float64(model.log_prob(x)))
    finally:
        model.draw = 0
    return torch.logsumexp(torch.stack(draws), dim=0) - math.log(samples)
