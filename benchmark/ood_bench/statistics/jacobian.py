"""Products with the Jacobian of each image, which is never formed."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.autograd import forward_ad

from ood_bench.float64 import in_float64


def jacobian_times(function: Callable[[Tensor], Tensor], at: Tensor, vector: Tensor) -> Tensor:
    """Return J v for the Jacobian J of a function at a point, the shape of its result.

    Args:
        function: Maps a tensor to a tensor, each row alone.
        at: The point, one row an image.
        vector: v, the shape and the type of `at`.
    """
    with torch.no_grad(), forward_ad.dual_level():
        dual = forward_ad.make_dual(at, vector)  # type: ignore[no-untyped-call]  # torch gives it no types
        pair = forward_ad.unpack_dual(function(dual))  # type: ignore[no-untyped-call]  # torch gives it no types
    return torch.zeros_like(pair.primal) if pair.tangent is None else pair.tangent


def jacobian_products(
    encode: Callable[[Tensor], Tensor], y: Tensor
) -> tuple[Callable[[Tensor], Tensor], Callable[[Tensor], Tensor]]:
    """Return v ↦ J v and u ↦ Jᵀ u for the Jacobian J of each image, float64 `(B, D)` to `(B, D)`.

    Args:
        encode: Maps images `(B, C, H, W)` to vectors `(B, D)`, each image alone.
        y: The images at which J is taken.
    """
    at = y.detach().requires_grad_()
    encoded = encode(at)

    def product(v: Tensor) -> Tensor:
        return in_float64(jacobian_times(encode, y, v.to(y).view(y.shape)))

    def transposed(u: Tensor) -> Tensor:
        (found,) = torch.autograd.grad(encoded, at, u.to(encoded), retain_graph=True)
        return in_float64(found).flatten(1)

    return product, transposed
