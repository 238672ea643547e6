"""Nats, bits, bits per dimension, and numbers as readers see them."""

import math
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor

__all__ = [
    "LN2",
    "bits_per_dim",
    "legible",
    "nats_to_bits",
]

T = TypeVar("T", float, NDArray[np.float64], "Tensor")

LN2 = math.log(2.0)


def bits_per_dim(log_prob: T, dims: int) -> T:
    r"""Convert a log-likelihood to bits per dimension.

    $b = -\log p(x) / (D \ln 2)$, the unit in which image models are compared.

    Args:
        log_prob: Log-probability of the uint8 image, in nats. A number, or shape `(B,)`.
        dims: The number of dimensions D = C·H·W; 3072 for an RGB image 32 by 32.

    Returns:
        Bits per dimension, lower is better, in the shape given. A uniform model scores 8.

    Raises:
        ValueError: If `dims` is not positive.

    Reference:
        Theis et al., A note on the evaluation of generative models, ICLR 2016, arXiv:1511.01844.

    Example:
        >>> bits_per_dim(-3072 * math.log(256), dims=3072)
        8.0
    """
    if dims <= 0:
        raise ValueError(f"dims must be positive, got {dims}")
    return -log_prob / (dims * LN2)


def legible(value: float) -> str:
    """Write a number in three significant digits, with a true minus sign.

    Example:
        >>> legible(1761.3), legible(-0.06971), legible(3.0), legible(284.4), legible(2.1548e29)
        ('1,760', '−0.0697', '3.00', '284', '2.15e29')
    """
    rounded = float(f"{value:.3g}")
    size = abs(rounded)
    if 1000 <= size < 1e6:
        text = f"{rounded:,.0f}"
    elif size < 1000 and (size >= 1e-3 or not size):
        text = f"{rounded:#.3g}".removesuffix(".")
    else:
        digits, _, power = f"{value:.2e}".partition("e")
        text = f"{digits}e{int(power)}"
    return text.replace("-", "−", 1) if value < 0 else text


def nats_to_bits(nats: T) -> T:
    """Convert nats to bits.

    Example:
        >>> nats_to_bits(math.log(256))
        8.0
    """
    return nats / LN2
