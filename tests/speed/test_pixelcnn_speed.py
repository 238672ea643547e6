"""How fast PixelCNN trains, scores and samples; figures to read, timings gate nothing.

    pytest -m slow tests/speed/test_pixelcnn_speed.py -s

Sampling is set beside one full pass for each pixel (and each channel, where the network sees
them), of which a few are timed.
"""

import statistics
import sys
import time
from collections.abc import Callable

import pytest
import torch

from ood_bench.data import Shape
from ood_bench.lit import build
from ood_bench.lit.memory import keep_freed_memory
from ood_bench_models.pixelcnn import PixelCNN

pytestmark = pytest.mark.slow

BATCH = 64
SAMPLES = 16
SHAPES = {"28x28 gray": Shape(1, 28, 28), "32x32 colour": Shape(3, 32, 32)}
OPTIONS = {
    "categorical": {},
    "logistic mixture": {"likelihood": "logistic_mixture", "components": 5},
}


def ready(shape: Shape, likelihood: str) -> PixelCNN:
    keep_freed_memory()
    model = build(PixelCNN, shape, OPTIONS[likelihood], 0)
    model.initialise(images(shape))
    return model.eval()


def images(shape: Shape) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(256, (BATCH, *shape), dtype=torch.uint8, generator=generator)


def seconds(act: Callable[[], object], rounds: int) -> float:
    act()
    took = []
    for _ in range(rounds):
        began = time.perf_counter()
        act()
        took.append(time.perf_counter() - began)
    return statistics.median(took)


@pytest.mark.parametrize("likelihood", OPTIONS)
@pytest.mark.parametrize("size", SHAPES)
@pytest.mark.parametrize("task", ["train", "score"])
def test_images_per_second(task: str, size: str, likelihood: str) -> None:
    model, x = ready(SHAPES[size], likelihood), images(SHAPES[size])
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-4, fused=True)

    def train() -> None:
        optimizer.zero_grad()
        (-model.log_prob(x).mean()).backward()
        optimizer.step()

    def score() -> None:
        with torch.inference_mode():
            model.log_prob(x)

    found = BATCH / seconds({"train": train, "score": score}[task], 5)
    sys.stdout.write(f"\n{task}, {size}, {likelihood}: {found:.0f} images per second\n")


@pytest.mark.parametrize("likelihood", OPTIONS)
@pytest.mark.parametrize("size", SHAPES)
def test_sampling_beside_a_full_pass_a_pixel(size: str, likelihood: str) -> None:
    shape = SHAPES[size]
    model = ready(shape, likelihood)
    x = images(shape)[:SAMPLES] / 127.5 - 1
    uniform = torch.full((SAMPLES, shape.channels + 1, *shape[1:]), 0.5)

    def draw_by_a_full_pass() -> None:
        with torch.inference_mode():
            model.distribution.sample(model.forward(x), uniform)

    cached = seconds(lambda: model.sample(SAMPLES), 1)
    full = seconds(draw_by_a_full_pass, 5) * shape.height * shape.width * model.groups
    sys.stdout.write(f"\n{SAMPLES} samples, {size}, {likelihood}: {cached:.1f} s from caches, ")
    sys.stdout.write(f"{full:.0f} s by full passes, {full / cached:.0f} times as long\n")
