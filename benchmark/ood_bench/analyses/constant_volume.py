"""The curvature of each pixel under a constant-volume flow, in closed form from its weights."""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor
from torch.nn.functional import pixel_shuffle, pixel_unshuffle

from ood_bench.capabilities import LinearLevel

PIXELS = 256
"""Pixels whose columns of the Jacobian are computed at once."""


def paper_weights(levels: Sequence[LinearLevel]) -> Tensor:
    r"""Return α² / σ_ψ² of each pixel of the image, α as Nalisnick et al. define it.

    For C channels and K steps $α_c = \prod_k \sum_j u_{k,c,j}$: channel c keeps its number
    from step to step, and each step multiplies it by the sum of row c of its matrix. Here the
    matrix is the 1×1 convolution times the actnorm's scale; a channel is one of the squeezed
    channels, so that α depends on the pixel's place in its square; a channel that goes on to
    the next level is multiplied by further factors there, under its number in that level; one
    that leaves is divided by the variance of the prior of its latent.

    This is the curvature of a flow without coupling shifts only if every matrix is diagonal;
    `jacobian_weights` is it for every matrix. No weight of either is negative.

    Returns:
        Shape `(C, H, W)`, in 1 over squared pixels on [0, 1].
    """
    first = levels[0]
    _, height, width = first.variance.shape
    channels = first.matrices.shape[-1] // first.squeeze**2
    ones = first.matrices.new_ones(channels, height * first.squeeze, width * first.squeeze)
    return _followed(ones, levels)


def _followed(factor: Tensor, levels: Sequence[LinearLevel]) -> Tensor:
    level, *rest = levels
    rows = level.matrices.sum(dim=2).prod(dim=0)
    factor = pixel_unshuffle(factor, level.squeeze) * rows[:, None, None]
    kept, z = _split(factor, level)
    weights = z.square() / level.variance
    if rest:
        weights = torch.cat([_followed(kept, rest), weights])
    return pixel_shuffle(weights, level.squeeze)


def jacobian_weights(levels: Sequence[LinearLevel]) -> Tensor:
    """Return Σ_i J_id² / σ_ψ,i² for each pixel d, J the Jacobian of the flow without shifts.

    Minus these numbers is the diagonal of ∇² log p of that flow, whose second-order expansion
    is thus exact on data with a diagonal covariance.

    Returns:
        Shape `(C, H, W)`, in 1 over squared pixels on [0, 1].
    """
    shape = paper_weights(levels).shape
    basis = torch.eye(shape.numel()).to(levels[0].matrices).view(-1, *shape)
    parts = [
        torch.stack([*_squared_latents(part, levels)]).sum(dim=0)
        for part in torch.split(basis, PIXELS)
    ]
    return torch.cat(parts).view(shape)


def _squared_latents(x: Tensor, levels: Sequence[LinearLevel]) -> Iterator[Tensor]:
    """Yield Σ z² / σ_ψ² of each image `(N, C, H, W)` at each level."""
    for level in levels:
        x = pixel_unshuffle(x, level.squeeze)
        for matrix in level.matrices:
            x = torch.einsum("ij,njhw->nihw", matrix, x)
        x, z = _split(x, level)
        yield (z.square() / level.variance).sum(dim=(1, 2, 3))


def _split(x: Tensor, level: LinearLevel) -> tuple[Tensor, Tensor]:
    """Return the channels that go on and those that leave; channels are third from last."""
    kept = x.shape[-3] - len(level.variance)
    return x.narrow(-3, 0, kept), x.narrow(-3, kept, len(level.variance))
