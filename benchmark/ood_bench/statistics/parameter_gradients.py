"""Gradients of log-likelihoods in a model's parameters, by one pass per image."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn


def gradients_one_by_one(
    log_prob: Callable[[Tensor], Tensor], parameters: Sequence[nn.Parameter], x: Tensor
) -> list[Tensor]:
    """Return per-image gradients by one pass per image, for any model.

    Args:
        log_prob: Log-likelihoods `(B,)` of images `(B, C, H, W)`.
        parameters: The parameters to differentiate in; all require gradients.
        x: The images.

    Returns:
        For each parameter of shape s, gradients of shape `(B, *s)`.
    """
    rows = []
    for number in range(len(x)):
        found = torch.autograd.grad(
            log_prob(x[number : number + 1]).sum(), parameters, allow_unused=True
        )
        rows.append(
            [
                torch.zeros_like(p) if g is None else g
                for p, g in zip(parameters, found, strict=True)
            ]
        )
    return [torch.stack(column) for column in zip(*rows, strict=True)]


@contextmanager
def differentiable(model: nn.Module) -> Iterator[list[nn.Parameter]]:
    """Enable gradients of all parameters within the context; yield them in order."""
    parameters = list(model.parameters())
    before = [parameter.requires_grad for parameter in parameters]
    try:
        for parameter in parameters:
            parameter.requires_grad_()
        yield parameters
    finally:
        for parameter, required in zip(parameters, before, strict=True):
            parameter.requires_grad_(required)
