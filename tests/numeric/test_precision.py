"""bfloat16 changes the loss of an image by far less than half a percent."""

from pathlib import Path

import torch

from ood_bench.data import DataOptions, Library, Shape
from ood_bench.lit import TrainingState, build, fit
from ood_bench.lit.precision import Precision
from ood_bench.recipe import Recipe
from ood_bench.units import bits_per_dim
from ood_bench_models.glow import Glow


@torch.no_grad()
def test_the_training_loss_in_bf16_is_that_in_float32(tmp_path: Path) -> None:
    shape, library = Shape(1, 28, 28), Library(root=None, index=None)
    pixels = library.load("fashion_mnist_20k", DataOptions(), "train", shape).pixels
    glow = build(Glow, shape, {"levels": 2, "steps": 2, "width": 16}, 0)
    recipe = Recipe(steps=60, batch_size=64, warmup=10, precision="float32")
    with torch.enable_grad():
        fit(glow, recipe, pixels[500:], pixels[:100], seed=0, workdir=tmp_path)
    glow.train()
    bits = []
    precisions: tuple[Precision, ...] = ("float32", "bf16")
    for precision in precisions:
        with TrainingState(precision=precision).attached_to(glow):
            log_prob = glow.log_prob(torch.tensor(pixels[:256]))
        bits.append(bits_per_dim(log_prob, shape.dims))
    largest = float((bits[1] - bits[0]).abs().max())
    assert 0 < largest < 0.01
