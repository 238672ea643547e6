"""Training with a compiled log-likelihood, if that saves more time than compiling takes."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec

import torch

from ood_bench.lit.module import DensityModule, ImageModule

LEAST_STEPS = 2_000
"""Minimum steps: compiling a deep flow takes a minute or more."""


@contextmanager
def compiled(model: ImageModule, steps: int) -> Iterator[None]:
    """Train a density with `torch.compile` within the context, if training is long and on a GPU.

    On a CPU compiling a deep flow takes minutes, and gains 7 to 16 % (measured on two cores).
    """
    if not isinstance(model, DensityModule):
        yield
        return
    if worthwhile(model, steps):
        model.optimized = torch.compile(model.log_prob)
    try:
        yield
    finally:
        model.optimized = None


def worthwhile(model: DensityModule, steps: int) -> bool:
    """Return whether to compile: there is a GPU, its compiler, and steps enough."""
    gpu = model.device.type == "cuda" and find_spec("triton") is not None
    return gpu and steps >= LEAST_STEPS
