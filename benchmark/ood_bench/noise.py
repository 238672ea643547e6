"""Dequantization noise that is a function of the image, the same on every device."""

from collections.abc import Callable

import torch
from torch import Tensor

_GOLDEN = 0x9E3779B97F4A7C15
_MIXERS = (0xBF58476D1CE4E5B9, 0x94D049BB133111EB)
_BITS = 15
_UNIT = 2.0**-16


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
        Steele et al., Fast splittable pseudorandom number generators, OOPSLA 2014.
    """
    return _uncompiled(x, salt)


def _noise(x: Tensor, salt: int | Tensor) -> Tensor:
    pixels = x.flatten(1).long()
    counter = torch.arange(1, pixels.shape[1] + 1, device=x.device) * _signed(_GOLDEN)
    multipliers = _mix(counter.clone()) | 1
    image = _mix(((pixels + 1) * multipliers).sum(dim=1))
    salt = torch.as_tensor(salt, dtype=torch.int64, device=x.device)
    image = _mix(image + (salt + 1) * _signed(_MIXERS[0]))
    words = _mix(image[:, None] + counter)
    odd: Tensor = ((words >> (64 - _BITS)) & (2**_BITS - 1)) * 2 + 1
    noise = odd.float() * _UNIT
    return noise.view(x.shape)


# torch.compile would fold the constants in wider integers, which do not wrap.
_uncompiled: Callable[[Tensor, int | Tensor], Tensor] = torch.compiler.disable(_noise)  # type: ignore[no-untyped-call]  # torch gives it no types
