"""Noise as a function of the image, identical on every device.

It is computed on the images' device; for `mps`, which has no 64-bit floats, on the CPU.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from ood_bench.float64 import where_float64_is

__all__ = [
    "mutated",
    "normal_noise",
    "uniform_noise",
]

_GOLDEN = 0x9E3779B97F4A7C15
_MIXERS = (0xBF58476D1CE4E5B9, 0x94D049BB133111EB)
_BITS = 15
_BITS_64 = 52


def _signed(word: int) -> int:
    """Return the int64 that has the bits of a 64-bit word."""
    return (word + 2**63) % 2**64 - 2**63


def _mix(words: Tensor) -> Tensor:
    """Apply splitmix64's finaliser to int64 words, in place."""
    for shift, factor in zip((30, 27), _MIXERS, strict=True):
        words ^= (words >> shift) & (2 ** (64 - shift) - 1)  # torch's >> keeps the sign
        words *= _signed(factor)
    words ^= (words >> 31) & (2**33 - 1)
    return words


def uniform_noise(x: Tensor, salt: int | Tensor = 0) -> Tensor:
    r"""Return uniform noise on (0, 1) that depends on each image and the salt alone.

    Each image seeds a counter-based generator (splitmix64) with a hash of its pixels; a pixel
    takes the word at its position. Only integers with wraparound are involved, so the bits
    are the same in any batch, in any order and on any device. The noise is an odd multiple
    of $2^{-16}$: `x + u` and `(x + u) / 256` are exact in float32 and stay inside their bin.

    Args:
        x: uint8 images, shape `(B, C, H, W)`.
        salt: Another salt gives independent noise: a number, or an int64 tensor of one element.

    Returns:
        float32, the shape of `x`.

    Reference:
        Steele et al., Fast splittable pseudorandom number generators, OOPSLA 2014,
        doi:10.1145/2660193.2660195.
    """
    return _uncompiled_uniform(x, salt)


def normal_noise(x: Tensor, count: int, salt: int | Tensor = 0) -> Tensor:
    r"""Return standard normal noise that depends on each image and the salt alone.

    Uniform numbers from the generator of `uniform_noise`, independent of those, are odd
    multiples of $2^{-53}$; the inverse of the normal's distribution function maps them, in
    float64. Position i holds the same number whatever `count` is.

    Args:
        x: uint8 images, shape `(B, C, H, W)`.
        count: Numbers for each image.
        salt: Another salt gives independent noise: a number, or an int64 tensor of one element.

    Returns:
        float32, shape `(B, count)`.
    """
    return _uncompiled_normal(x, count, salt)


def mutated(x: Tensor, rate: float, salt: int) -> Tensor:
    """Return images in which a share of the values is replaced with uniform ones.

    Positions and new values are a function of each image and the salt. A selected value may be
    replaced by itself.

    Args:
        x: uint8 images, shape `(B, C, H, W)`.
        rate: Probability that a value is selected.
        salt: Another salt gives independent mutations.

    Returns:
        uint8, the shape of `x`.

    Reference:
        Ren et al., Likelihood Ratios for Out-of-Distribution Detection, NeurIPS 2019,
        arXiv:1906.02845.
    """
    chosen = uniform_noise(x, salt) < rate
    levels = (256.0 * uniform_noise(x, ~salt)).to(torch.uint8)
    return torch.where(chosen, levels, x)


def _words(x: Tensor, count: int, salt: int | Tensor, stream: int) -> Tensor:
    """Return int64 words `(B, count)`, a function of each image, the salt and the stream."""
    x = x.to(where_float64_is(x.device))
    pixels = x.flatten(1).long()
    image = _mix(((pixels + 1) * (_mix(_counter(pixels.shape[1], x)) | 1)).sum(dim=1))
    salt = torch.as_tensor(salt, dtype=torch.int64, device=x.device)
    image = _mix(image + (salt + 1) * _signed(stream))
    return _mix(image[:, None] + _counter(count, x))


def _counter(count: int, x: Tensor) -> Tensor:
    return torch.arange(1, count + 1, device=x.device) * _signed(_GOLDEN)


def _odd(words: Tensor, bits: int) -> Tensor:
    """Return the odd number below 2^(bits + 1) that the top bits of each word choose."""
    odd: Tensor = ((words >> (64 - bits)) & (2**bits - 1)) * 2 + 1
    return odd


def _uniform(x: Tensor, salt: int | Tensor) -> Tensor:
    words = _words(x, x[0].numel(), salt, _MIXERS[0])
    return (_odd(words, _BITS).float() * 2.0 ** -(_BITS + 1)).view(x.shape).to(x.device)


def _normal(x: Tensor, count: int, salt: int | Tensor) -> Tensor:
    words = _words(x, count, salt, _MIXERS[1])
    uniform = _odd(words, _BITS_64).double() * 2.0 ** -(_BITS_64 + 1)
    normal: Tensor = torch.special.ndtri(uniform)
    return normal.float().to(x.device)


# torch.compile would fold the constants in wider integers, which do not wrap.
_uncompiled_uniform: Callable[[Tensor, int | Tensor], Tensor] = torch.compiler.disable(_uniform)  # type: ignore[no-untyped-call]  # torch gives it no types
_uncompiled_normal: Callable[[Tensor, int, int | Tensor], Tensor] = torch.compiler.disable(_normal)  # type: ignore[no-untyped-call]  # torch gives it no types
