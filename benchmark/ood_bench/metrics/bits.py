"""Mean bits per dimension of a set of images."""

import math

from numpy.typing import ArrayLike

from ood_bench.metrics.checks import finite
from ood_bench.metrics.measure import Measure, normal_quantile
from ood_bench.units import bits_per_dim


def mean_bpd(log_prob: ArrayLike, dims: int, *, level: float = 0.95) -> Measure:
    """Return the mean bits per dimension of a set of images, with its normal interval.

    The spread over images gives the standard error. A single image has no spread, and its
    interval is the value itself.

    Args:
        log_prob: Log-probabilities of the uint8 images, in nats. Shape `(N,)`.
        dims: The number of dimensions D = C·H·W.
        level: Coverage of the interval.

    Raises:
        ValueError: If there are no images or a log-probability is not finite.

    Example:
        >>> mean_bpd([-8 * math.log(256)] * 2, dims=8)
        Measure(value=8.0, low=8.0, high=8.0)
    """
    reach = normal_quantile(level)
    bits = bits_per_dim(finite(log_prob, "log_prob"), dims)
    mean = float(bits.mean())
    error = reach * float(bits.std(ddof=1)) / math.sqrt(len(bits)) if len(bits) > 1 else 0.0
    return Measure(mean, mean - error, mean + error)
