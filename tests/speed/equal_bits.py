"""What TarFlows and Glows of about the same bits per dimension cost; figures to read.

    python tests/speed/equal_bits.py

The reference models lie in `results/zoo`. Bits per dimension on test images and the seconds of
training are what their folders say. Images are scored, and trained on, in turns, so that all have
the same share of a busy machine.
"""

import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from ood_bench.lit import DensityModule, build, load_pretrained
from ood_bench.registry import Registry
from ood_bench.scoring.exported import read_exported

ZOO = Path(__file__).parents[2] / "results" / "zoo"
MODELS = {
    "FashionMNIST": (
        "tarflow-fashion_mnist",
        "small-glow-fashion_mnist-2",
        "cv-glow-fashion_mnist",
    ),
    "CIFAR-10": ("tarflow-cifar10", "cv-glow-cifar10"),
}
BATCH = 32
ROUNDS = 9


def loaded(name: str) -> DensityModule:
    exported = read_exported(ZOO / name)
    model = build(
        Registry().load("models", exported.plugin), exported.shape, exported.options, seed=0
    )
    load_pretrained(model, exported.weights.path)
    if not isinstance(model, DensityModule):
        raise TypeError(f"{name} has no likelihood")
    model.log = lambda *_, **__: None  # type: ignore[method-assign]  # no trainer listens
    return model


def scores(model: DensityModule, x: Tensor) -> None:
    with torch.inference_mode():
        model.eval().log_prob(x)


def trains(model: DensityModule, x: Tensor) -> None:
    model.train().loss(x).backward()  # type: ignore[no-untyped-call]  # torch gives it no types


def speeds(
    models: dict[str, DensityModule], act: Callable[[DensityModule, Tensor], None]
) -> list[float]:
    """Return the images a second of each model, which take turns."""
    taken: dict[str, list[float]] = {name: [] for name in models}
    generator = torch.Generator().manual_seed(0)
    for turn in range(ROUNDS + 1):
        for name, model in models.items():
            x = torch.randint(256, (BATCH, *model.shape), dtype=torch.uint8, generator=generator)
            began = time.perf_counter()
            act(model, x)
            if turn:  # the first only warms up
                taken[name].append(time.perf_counter() - began)
    return [BATCH / statistics.median(each) for each in taken.values()]


def main() -> None:
    """Print a table for each data set."""
    for data, names in MODELS.items():
        models = {name: loaded(name) for name in names}
        rows = zip(names, speeds(models, scores), speeds(models, trains), strict=True)
        for name, scored, trained in rows:
            training = json.loads((ZOO / name / "training.json").read_text())
            sys.stdout.write(
                f"| {data} | {name} | {training['parameters']:,} | {training['seconds']:,.0f} | "
                f"{scored:,.0f} | {trained:,.0f} |\n"
            )


if __name__ == "__main__":
    main()
