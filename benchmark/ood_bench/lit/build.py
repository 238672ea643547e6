"""Construct models with initial weights from a seed."""

from collections.abc import Mapping
from typing import Any, TypeVar

import torch

from ood_bench.data import Shape
from ood_bench.hashing import seed_for
from ood_bench.lit.module import ImageModule

Model = TypeVar("Model", bound=ImageModule)


def build(model_class: type[Model], shape: Shape, options: Mapping[str, Any], seed: int) -> Model:
    """Construct a model whose initial weights depend only on the seed.

    Weights are drawn on the CPU; the global random state is restored.

    Raises:
        ValueError: If the model rejects the shape or its options.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed_for("init", seed))
        return model_class(shape, **options)
