"""How fast Glow trains and scores beside normflows' Glow; figures to read, timings gate nothing.

    pytest -m slow tests/speed/test_glow_speed.py -s

Both have the same levels, steps and hidden channels, take the same batches of 64 images, and
train with the same Adam. Printed are images per second and their ratio. bf16 is autocast, which
is slow where the processor only emulates it.
"""

import statistics
import sys
import time
from collections.abc import Callable
from contextlib import nullcontext

import pytest
import torch
from torch import Tensor, nn

from ood_bench.data import Shape
from ood_bench.lit import build
from ood_bench.lit.memory import keep_freed_memory
from ood_bench_models.glow import Glow

pytest.importorskip("pytest_benchmark")
pytest.importorskip("normflows")

from pytest_benchmark.fixture import BenchmarkFixture
from tests.speed.peers import normflows_glow

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:torch.lu is deprecated"),  # normflows calls it
]

BATCH = 64
SIZES = {
    "2x4x64 gray": (Shape(1, 28, 28), 2, 4, 64),
    "3x8x128 colour": (Shape(3, 32, 32), 3, 8, 128),
    "3x8x400 colour": (Shape(3, 32, 32), 3, 8, 400),
}
Loss = Callable[[Tensor], Tensor]


def ours(size: str, *, bf16: bool) -> tuple[nn.Module, Loss]:
    shape, levels, steps, width = SIZES[size]
    keep_freed_memory()
    model = build(Glow, shape, {"levels": levels, "steps": steps, "width": width}, 0)
    model.initialise(images(size))
    model.training_state.precision = "bf16" if bf16 else "float32"
    return model, lambda x: -model.log_prob(x).mean()


def peer(size: str, *, bf16: bool) -> tuple[nn.Module, Loss]:
    shape, levels, steps, width = SIZES[size]
    model = normflows_glow(shape, levels=levels, steps=steps, width=width)

    def loss(x: Tensor) -> Tensor:
        context = torch.autocast("cpu", dtype=torch.bfloat16) if bf16 else nullcontext()
        y = (x + torch.rand(x.shape)) / 256 - 0.5
        with context:
            value: Tensor = model.forward_kld(y)
        return value

    return model, loss


def images(size: str) -> Tensor:
    shape, *_ = SIZES[size]
    generator = torch.Generator().manual_seed(0)
    return torch.randint(256, (BATCH, *shape), dtype=torch.uint8, generator=generator)


def train(model: nn.Module, loss: Loss, x: Tensor) -> Callable[[], None]:
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-4, fused=True)

    def step() -> None:
        optimizer.zero_grad()
        loss(x).backward()
        optimizer.step()

    return step


def score(model: nn.Module, loss: Loss, x: Tensor) -> Callable[[], None]:
    train(model, loss, x)()  # normflows' actnorm starts from the first batch
    model.eval()

    def step() -> None:
        with torch.inference_mode():
            loss(x)

    return step


TASKS = {"train": train, "score": score}


@pytest.mark.parametrize(
    ("task", "precision"), [("train", "float32"), ("train", "bf16"), ("score", "float32")]
)
@pytest.mark.parametrize("size", SIZES)
def test_images_per_second(
    benchmark: BenchmarkFixture, size: str, task: str, precision: str
) -> None:
    """The two take turns, so that whatever else the machine does slows both."""
    torch.manual_seed(0)
    turns = {}
    for name, make in (("ood-bench", ours), ("normflows", peer)):
        model, loss = make(size, bf16=precision == "bf16")
        turns[name] = TASKS[task](model, loss, images(size))
        turns[name]()
    seconds: dict[str, list[float]] = {name: [] for name in turns}

    def turn(name: str) -> None:
        began = time.perf_counter()
        turns[name]()
        seconds[name].append(time.perf_counter() - began)

    rounds = {"2x4x64 gray": 40, "3x8x128 colour": 12, "3x8x400 colour": 6}[size]
    benchmark.pedantic(
        lambda: turn("ood-bench"),
        setup=lambda: turn("normflows"),
        rounds=3 if precision == "bf16" else rounds,
    )
    own, peers = (BATCH / statistics.median(seconds[name]) for name in ("ood-bench", "normflows"))
    found = {"ood-bench": round(own), "normflows": round(peers), "ratio": round(own / peers, 2)}
    benchmark.extra_info.update(found)
    sys.stdout.write(f"\n{task}, {size}, {precision}: {found}\n")


@pytest.mark.parametrize("size", SIZES)
def test_both_libraries_have_as_many_weights(size: str) -> None:
    ours_, peers = (
        sum(p.numel() for p in make(size, bf16=False)[0].parameters()) for make in (ours, peer)
    )
    assert ours_ == pytest.approx(peers, rel=0.02)
