"""Per-image gradient norms beside `torch.func.vmap`; figures to read, timings gate nothing.

    pytest -m slow tests/speed/test_vmap_speed.py -s

Printed are the CPU seconds that the gradient norms of 64 images take (the least of two), and by
how much the process grew at most. Ours include the comparison with single images that comes before
the first batch. Each way has a process to itself, so that the memory of one does not hide that of
another. For `vmap`, models keep to contiguous tensors, since it refuses `channels_last`.
"""

import resource
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from ood_bench.data import Shape
from ood_bench.lit import DensityModule, build
from ood_bench.lit.memory import keep_freed_memory
from ood_bench.statistics.gradient_norm import GradientNorm
from ood_bench_models.glow import Glow
from ood_bench_models.hvae import HVAE
from ood_bench_models.pixelcnn import PixelCNN
from ood_bench_models.vae import VAE

pytestmark = pytest.mark.slow

SHAPE = Shape(1, 28, 28)
IMAGES = 64
MIXTURE: dict[str, Any] = {"likelihood": "logistic_mixture", "components": 5}
MODELS: dict[str, tuple[type[DensityModule], dict[str, Any]]] = {
    "glow": (Glow, {"levels": 2, "steps": 12, "width": 64}),
    "pixelcnn": (PixelCNN, MIXTURE),
    "vae": (VAE, {**MIXTURE, "samples": 8}),
    "vae, default options": (VAE, {}),
    "hvae": (HVAE, {"components": 5, "samples": 8}),
}
WAYS = {"ood-bench": None, "vmap": IMAGES, "vmap, 16 at a time": 16}
"""Images that `vmap` takes at a time; None for our own."""


class LogProb(nn.Module):
    """A model whose `forward` is its `log_prob`, as `functional_call` needs."""

    def __init__(self, model: DensityModule) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: Tensor) -> Tensor:
        return self.model.log_prob(x)


def without_channels_last(model: nn.Module) -> None:
    """Have a model keep to contiguous tensors; this process has no further use for others."""
    plain = Tensor.contiguous
    Tensor.contiguous = lambda self, memory_format=None: plain(self)  # type: ignore[method-assign]
    for module in model.modules():
        if getattr(module, "format", None) is torch.channels_last:
            setattr(module, "format", torch.contiguous_format)  # noqa: B010


def norms_by_vmap(model: DensityModule, x: Tensor, chunk: int) -> Tensor:
    """Return the squared norm of each image's gradient in all parameters."""
    module = LogProb(model)

    def log_prob(values: dict[str, Tensor], image: Tensor) -> Tensor:
        made = torch.func.functional_call(module, values, (image[None],))
        assert isinstance(made, Tensor)
        return made.sum()

    def norm(values: dict[str, Tensor], image: Tensor) -> Tensor:
        gradients = torch.func.grad(log_prob)(values, image)
        return torch.stack([part.square().sum() for part in gradients.values()]).sum()

    each = torch.func.vmap(norm, in_dims=(None, 0), chunk_size=chunk)
    return each(dict(module.named_parameters()), x)


def measured(name: str, chunk: int | None) -> tuple[float, float, list[float]]:
    """Return the least CPU seconds, the process's growth in MiB and the norms."""
    torch.set_num_threads(1)
    keep_freed_memory()
    kind, options = MODELS[name]
    pixels = np.random.default_rng(0).integers(0, 256, (IMAGES, *SHAPE), dtype=np.uint8)
    model = build(kind, SHAPE, options, 0)
    model.initialise(torch.from_numpy(pixels))
    model.eval()
    if chunk is not None:
        without_channels_last(model)
    before, seconds, norms = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, [], [0.0]
    for _ in range(2):
        began = time.process_time()
        if chunk is None:
            norms = sum(GradientNorm().compute(pixels, model).values()).tolist()  # type: ignore[union-attr]
        else:
            norms = norms_by_vmap(model, torch.from_numpy(pixels), chunk).tolist()
        seconds.append(time.process_time() - began)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    return min(seconds), grown, norms


@pytest.mark.parametrize("name", MODELS)
def test_gradients_beside_vmap(name: str) -> None:
    lines, norms = [], []
    for way, chunk in WAYS.items():
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            seconds, grown, found = pool.submit(measured, name, chunk).result()
        lines.append(f"{way} {seconds:.3f} s, {grown:.0f} MiB")
        norms.append(found)
    sys.stdout.write(f"\n{name}: {'; '.join(lines)}\n")
    for others in norms[1:]:
        assert others == pytest.approx(norms[0], rel=1e-3)
