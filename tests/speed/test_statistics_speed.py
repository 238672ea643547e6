"""How fast statistics are beside the obvious loop; figures to read, timings gate nothing.

    pytest -m slow tests/speed/test_statistics_speed.py -s

Printed are images per second, and how many times those of the loop. The loop takes one image at a
time, forward and back, as published code does. `plain` is one pass forward and back for a batch,
which gives no image's own gradient: no way of batching the loop is faster than that.
"""

import statistics
import sys
import time
from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from ood_bench.data import Shape
from ood_bench.lit import DensityModule, build
from ood_bench.lit.memory import keep_freed_memory
from ood_bench.statistics.gradient_norm import GradientNorm
from ood_bench.statistics.likelihood_regret import CHECK, RATE, STEPS, LikelihoodRegret
from ood_bench_models.glow import Glow
from ood_bench_models.pixelcnn import PixelCNN
from ood_bench_models.vae import VAE

pytest.importorskip("pytest_benchmark")

from pytest_benchmark.fixture import BenchmarkFixture

pytestmark = pytest.mark.slow

SHAPE = Shape(1, 28, 28)
BATCH = 50
"""Images of a plain pass."""
LOOPED = 8
"""Images that the loop takes."""
VAE_OPTIONS: dict[str, object] = {"likelihood": "logistic_mixture", "components": 5, "samples": 8}
MODELS: dict[str, tuple[type[DensityModule], dict[str, object]]] = {
    "glow": (Glow, {"levels": 2, "steps": 4, "width": 64}),
    "cv-glow": (Glow, {"levels": 2, "steps": 4, "width": 64, "coupling": "additive"}),
    "pixelcnn": (PixelCNN, {"likelihood": "logistic_mixture", "components": 5}),
    "vae": (VAE, VAE_OPTIONS),
}
Images = NDArray[np.uint8]


def images(n: int) -> Images:
    return np.random.default_rng(0).integers(0, 256, (n, *SHAPE), dtype=np.uint8)


def made(name: str) -> DensityModule:
    keep_freed_memory()
    kind, options = MODELS[name]
    model = build(kind, SHAPE, options, 0)
    model.initialise(torch.from_numpy(images(64)))
    return model.eval()


def compared(
    benchmark: BenchmarkFixture,
    what: str,
    turns: dict[str, tuple[Callable[[], object], int]],
    *,
    rounds: int,
) -> None:
    """Time functions in turns, each with how many images it takes, and print their speeds."""
    seconds: dict[str, list[float]] = {name: [] for name in turns}

    def turn(name: str) -> None:
        began = time.perf_counter()
        turns[name][0]()
        seconds[name].append(time.perf_counter() - began)

    first, *others = turns
    benchmark.pedantic(
        lambda: turn(first), setup=lambda: [turn(name) for name in others] and None, rounds=rounds
    )
    speeds = {name: count / statistics.median(seconds[name]) for name, (_, count) in turns.items()}
    found: dict[str, float] = {name: round(speed, 1) for name, speed in speeds.items()}
    for name, speed in speeds.items():
        if name != "loop":
            found[f"{name} / loop"] = round(speed / speeds["loop"], 1)
    found["threads"] = torch.get_num_threads()
    benchmark.extra_info.update(found)
    sys.stdout.write(f"\n{what}: {found}\n")


@pytest.mark.parametrize("name", MODELS)
def test_gradient_norms(benchmark: BenchmarkFixture, name: str) -> None:
    model, x = made(name), images(500 if name.endswith("glow") else 100)
    parameters = list(model.parameters())

    def loop() -> None:
        for image in torch.from_numpy(x[:LOOPED]).split(1):
            model.zero_grad()
            model.log_prob(image).sum().backward()
            for parameter in parameters:
                if parameter.grad is not None:
                    parameter.grad.square().sum().item()

    def plain() -> None:
        for batch in torch.from_numpy(x).split(BATCH):
            model.zero_grad()
            model.log_prob(batch).sum().backward()

    compared(
        benchmark,
        f"gradient_norm, {name}",
        {
            "ood-bench": (lambda: GradientNorm().compute(x, model), len(x)),
            "loop": (loop, LOOPED),
            "plain": (plain, len(x)),
        },
        rounds=3,
    )


def test_likelihood_regret(benchmark: BenchmarkFixture) -> None:
    """The loop takes every step; images here leave when they have converged."""
    model, x = made("vae"), images(100)
    assert isinstance(model, VAE)

    def loop() -> None:
        for image in torch.from_numpy(x[:2]).split(1):
            with torch.no_grad():
                moments = [moment.clone() for moment in model.posterior(image)]
                model.bound_given(image, *moments)
            optimizer = torch.optim.Adam(moments, lr=RATE)
            for moment in moments:
                moment.requires_grad = True
            for step in range(1, STEPS + 1):
                optimizer.zero_grad()
                (-model.elbo_given(image, *moments, salt=step).sum()).backward()
                optimizer.step()
                if step % CHECK == 0:
                    with torch.no_grad():
                        model.bound_given(image, *moments)

    compared(
        benchmark,
        "likelihood_regret, vae",
        {
            "ood-bench": (lambda: LikelihoodRegret().compute(x, model), len(x)),
            "loop": (loop, 2),
        },
        rounds=1,
    )
