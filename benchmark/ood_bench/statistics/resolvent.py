"""Quadratic forms of (I + MᵀM)⁻¹, from products with M and with Mᵀ alone."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor


def resolvent_form(
    product: Callable[[Tensor], Tensor],
    transposed: Callable[[Tensor], Tensor],
    start: Tensor,
    *,
    steps: int,
) -> Tensor:
    r"""Return $v^\top (I + M^\top M)^{-1} v$ for a vector v and a matrix M of each image.

    After K steps of bidiagonalization from v, Gauss quadrature bounds the form from below and
    Gauss-Radau quadrature with a node at zero from above; the result is the mean of the two. It
    is exact for K of at least the dimension.

    Args:
        product: Maps vectors `(B, D)` to M v, float64 `(B, D)`, that of each image.
        transposed: Maps vectors `(B, D)` to Mᵀ u, in the same way.
        start: The vectors v, float64 `(B, D)`, none of them zero.
        steps: K, each a product with M and one with Mᵀ; no more than D are taken.

    Returns:
        Shape `(B,)`.

    Reference:
        Golub & Meurant, Matrices, Moments and Quadrature with Applications, 2010.

    Example:
        >>> scales = torch.tensor([[1.0, 2.0, 3.0]], dtype=torch.float64)
        >>> start = torch.ones(1, 3, dtype=torch.float64)
        >>> resolvent_form(lambda v: scales * v, lambda u: scales * u, start, steps=3)
        tensor([0.8000], dtype=torch.float64)
    """
    square = start.square().sum(dim=1)
    right, left = [start / square.sqrt()[:, None]], list[Tensor]()
    diagonal, above = list[Tensor](), list[Tensor]()
    for _ in range(min(steps, start.shape[1])):
        size, u = _split(_without(product(right[-1]), left))
        diagonal.append(size)
        left.append(u)
        size, v = _split(_without(transposed(u), right))
        above.append(size)
        right.append(v)
    inner = torch.diag_embed(torch.stack(diagonal, dim=1))
    inner = inner + torch.diag_embed(torch.stack(above, dim=1), offset=1)[:, :-1, :-1]
    last = torch.zeros_like(inner[:, :, :1])
    last[:, -1, 0] = above[-1]
    lower, upper = (_corner(matrix) for matrix in (inner, torch.cat([inner, last], dim=2)))
    return square * (lower + upper) / 2.0


def _without(vector: Tensor, others: Sequence[Tensor]) -> Tensor:
    """Return vectors less their parts along orthonormal others; twice, for rounding errors."""
    if not others:
        return vector
    basis = torch.stack(list(others), dim=1)
    for _ in range(2):
        shares = (basis @ vector[:, :, None]).squeeze(2)
        vector = vector - (shares[:, None] @ basis).squeeze(1)
    return vector


def _split(vector: Tensor) -> tuple[Tensor, Tensor]:
    """Return the lengths and the directions of vectors; zero for a vector of zeros."""
    size = vector.norm(dim=1)
    return size, vector / size.clamp(min=torch.finfo(size.dtype).tiny)[:, None]


def _corner(matrix: Tensor) -> Tensor:
    """Return the first entry of (I + BᵀB)⁻¹ for B `(B, K, K)` or `(B, K, K + 1)`."""
    gram = matrix.mT @ matrix
    one = torch.eye(gram.shape[1], dtype=gram.dtype, device=gram.device)
    found: Tensor = torch.linalg.solve(gram + one, one[:, 0].expand(len(gram), -1))[:, 0]
    return found
