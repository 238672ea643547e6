"""The posterior of a latent-variable model, and the bounds on log p(x) that it gives."""

import math
from typing import NamedTuple

from torch import Tensor


class Posterior(NamedTuple):
    """q(z | x) = N(μ, σ²), independent in each of L latents; the prior p(z) is N(0, 1).

    Attributes:
        mean: μ, shape `(B, L)`.
        log_std: ln σ, shape `(B, L)`.
    """

    mean: Tensor
    log_std: Tensor

    def draw(self, noise: Tensor) -> Tensor:
        """Return z = μ + σ · noise for standard normal noise `(B, K, L)`."""
        return self.mean.unsqueeze(1) + self.log_std.exp().unsqueeze(1) * noise

    def log_ratio(self, noise: Tensor) -> Tensor:
        """Return log p(z) − log q(z | x) of the z that `draw` makes of noise, shape `(B, K)`."""
        exponents = 0.5 * (noise.square() - self.draw(noise).square())
        return (exponents + self.log_std.unsqueeze(1)).sum(dim=2)

    def kl(self) -> Tensor:
        """Return KL(q(z | x) ‖ p(z)) in nats, shape `(B,)`."""
        excess = 0.5 * (self.mean.square() + (2.0 * self.log_std).expm1()) - self.log_std
        return excess.sum(dim=1)


def importance_bound(log_weights: Tensor) -> Tensor:
    r"""Return the importance-weighted lower bound on log p(x) in nats, shape `(B,)`.

    $\log \frac{1}{K} \sum_k w_k$ with $w_k = p(x|z_k)\, p(z_k) / q(z_k|x)$ and $z_k$ drawn from
    the posterior: in expectation the ELBO at K = 1, never lower for a larger K, and log p(x)
    in the limit.

    Args:
        log_weights: log w_k, shape `(B, K)`.

    Reference:
        Burda et al., Importance Weighted Autoencoders, ICLR 2016, arXiv:1509.00519.
    """
    return log_weights.logsumexp(dim=1) - math.log(log_weights.shape[1])
