"""Bits per dimension over time: our Glow beside normflows', each by its own recipe.

    python tests/speed/race.py --data fashion_mnist --minutes 15 -o FOLDER

The contestants take turns of a few seconds, so that whatever else the machine does slows all of
them, and only the seconds of their own turns count. Bits per dimension are of the same validation
images, which nobody trains on. Written are a CSV, a figure, and a table with the time at which each
reaches what the best peer reaches in the end.

- `ood-bench`: the size and recipe of the zoo's reference model.
- `normflows`: the size and recipe of its documentation's example (3 levels × 16 steps × width 256,
  Adamax at 1e-3 with weight decay 1e-5, batches of 128; two levels for images of 28 × 28).
- `y0ast`: the size and recipe of github.com/y0ast/Glow-PyTorch (3 levels × 32 steps × width 512,
  Adam at 5e-4 with weight decay 5e-5, batches of 64, five epochs of warm-up), with the layers of
  normflows.
- `normflows, our recipe`: normflows' layers at our size with our recipe.
"""

import argparse
import csv
import math
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

sys.path.insert(0, str(Path(__file__).parents[2]))  # run as a script

from tests.speed.peers import normflows_glow

from ood_bench.data import DataOptions, Library, Shape
from ood_bench.data.partition import partition
from ood_bench.lit import build
from ood_bench.lit.memory import keep_freed_memory
from ood_bench.lit.precision import computes_bf16
from ood_bench_models.glow import Glow

TURN = 20.0
"""Seconds that a contestant trains for before it is the next one's turn."""
VALIDATION = 500
OURS = {
    "fashion_mnist": {"levels": 2, "steps": 12, "width": 64},
    "cifar10": {"levels": 3, "steps": 12, "width": 48},
}
TITLES = {"fashion_mnist": "FashionMNIST", "cifar10": "CIFAR-10"}
BATCH = {"fashion_mnist": 48, "cifar10": 32}
"""Size and batch of the zoo's reference models."""


@dataclass(frozen=True)
class Recipe:
    """How a contestant is trained.

    Attributes:
        optimizer: Makes the optimiser.
        batch: Images a step.
        clip: Norm that gradients are clipped at.
        rate: Factor on the learning rate at a share of the race and an epoch.
    """

    optimizer: Callable[[Any], torch.optim.Optimizer]
    batch: int
    clip: float = math.inf
    rate: Callable[[float, int], float] = lambda share, epoch: 1.0


@dataclass
class Contestant:
    """A model in training.

    Attributes:
        name: What the table calls it.
        model: The model.
        log_prob: Log P(x) of 8-bit images in nats, a value an image.
        recipe: How it is trained.
        seconds: Of its turns so far.
        course: (seconds, bits per dimension) after each turn.
    """

    name: str
    model: nn.Module
    log_prob: Callable[[Tensor], Tensor]
    recipe: Recipe
    seconds: float = 0.0
    images: int = 0
    course: list[tuple[float, float]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.optimizer = self.recipe.optimizer(self.model.parameters())
        self.rates = [group["lr"] for group in self.optimizer.param_groups]

    def train(self, images: Tensor, *, total: float) -> None:
        """Train for one turn."""
        self.model.train()
        end = min(self.seconds + TURN, total)
        while self.seconds < end:
            began = time.perf_counter()
            batch = images[torch.randint(len(images), (self.recipe.batch,))]
            factor = self.recipe.rate(self.seconds / total, self.images // len(images))
            for group, rate in zip(self.optimizer.param_groups, self.rates, strict=True):
                group["lr"] = rate * factor
            self.optimizer.zero_grad()
            (-self.log_prob(batch).mean()).backward()
            nn.utils.clip_grad_norm_(self.model.parameters(), self.recipe.clip)
            self.optimizer.step()
            self.seconds += time.perf_counter() - began
            self.images += len(batch)

    def validate(self, images: Tensor) -> None:
        """Note the bits per dimension of held-out images."""
        self.model.eval()
        with torch.inference_mode():
            nats = torch.cat([self.log_prob(batch).double() for batch in images.split(100)])
        bits = -float(nats.mean()) / images[0].numel() / math.log(2)
        self.course.append((self.seconds, bits))

    def reached(self, bits: float) -> float | None:
        """Return the seconds after which it had no more bits per dimension than that."""
        return next((seconds for seconds, found in self.course if found <= bits), None)


def to_zero(share: float, epoch: int) -> float:
    """Rise for a hundredth of the race, then fall on a line to zero: our recipe."""
    return min(share / 0.01 + 0.01, 1.0) * max(1 - share, 0.0)


def warm(share: float, epoch: int) -> float:
    """Rise for five epochs: y0ast's recipe."""
    return min((epoch + 1) / 5, 1.0)


def ours(shape: Shape, images: Tensor, options: dict[str, int], recipe: Recipe) -> Contestant:
    """Return our Glow, in bf16 where the processor computes in it."""
    model = build(Glow, shape, options, 0)
    model.initialise(images[:1024])
    if computes_bf16(torch.device("cpu")):
        model.training_state.precision = "bf16"
    return Contestant("ood-bench", model, model.log_prob, recipe)


def peer(name: str, shape: Shape, images: Tensor, recipe: Recipe, **size: int) -> Contestant:
    """Return normflows' Glow, dequantized as ours; its actnorm starts from the first batch."""
    model = normflows_glow(shape, **size)
    bf16 = computes_bf16(torch.device("cpu"))

    def log_prob(x: Tensor) -> Tensor:
        y = (x + torch.rand(x.shape)) / 256 - 0.5
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=bf16):
            density: Tensor = model.log_prob(y, None)
        return density - shape.dims * math.log(256)

    with torch.no_grad():
        log_prob(images[: recipe.batch])
    return Contestant(name, model, log_prob, recipe)


def contestants(data: str, shape: Shape, images: Tensor) -> list[Contestant]:
    """Return all that race."""
    levels = OURS[data]["levels"]

    def own(parameters: Any) -> torch.optim.Optimizer:
        return torch.optim.AdamW(parameters, lr=5e-3, betas=(0.9, 0.99), weight_decay=0.0)

    def adamax(parameters: Any) -> torch.optim.Optimizer:
        return torch.optim.Adamax(parameters, lr=1e-3, weight_decay=1e-5)

    def adam(parameters: Any) -> torch.optim.Optimizer:
        return torch.optim.Adam(parameters, lr=5e-4, weight_decay=5e-5)

    recipe = Recipe(own, BATCH[data], clip=100, rate=to_zero)
    theirs, y0ast = Recipe(adamax, 128), Recipe(adam, 64, rate=warm)
    return [
        ours(shape, images, OURS[data], recipe),
        peer("normflows", shape, images, theirs, levels=levels, steps=16, width=256),
        peer("y0ast", shape, images, y0ast, levels=levels, steps=32, width=512),
        peer("normflows, our recipe", shape, images, recipe, **OURS[data]),
    ]


def race(data: str, *, minutes: float, root: Path | None) -> list[Contestant]:
    """Train all contestants for the same time, taking turns."""
    keep_freed_memory()
    torch.manual_seed(0)
    library = Library(root=root, index=None)
    options = DataOptions()
    shape = library.shape(data, options)
    found = library.load(data, options, "train", shape)
    pixels = torch.from_numpy(found.pixels)
    parts = partition(len(pixels), digest=found.digest, validation=VALIDATION, held_out=2000)
    train, validation = pixels[parts.train], pixels[parts.validation]
    racing = contestants(data, shape, train)
    total = 60 * minutes
    while any(one.seconds < total for one in racing):
        for one in racing:
            if one.seconds < total:
                one.train(train, total=total)
                one.validate(validation)
                seconds, bits = one.course[-1]
                sys.stderr.write(f"{one.name}: {bits:.3f} bits/dim after {seconds:.0f} s\n")
    return racing


def table(racing: list[Contestant]) -> str:
    """Return where each ends, and when it reached the end of the best peer."""
    own, *peers = racing
    best = min(one.course[-1][1] for one in peers if "our recipe" not in one.name)
    lines = [
        f"| Contestant | Images a second | Bits per dimension at the end | Seconds to {best:.3f} |",
        "| :--- | ---: | ---: | ---: |",
    ]
    for one in racing:
        at = one.reached(best)
        when = "–" if at is None else f"{at:.0f}"
        lines.append(
            f"| {one.name} | {one.images / one.seconds:.0f} | {one.course[-1][1]:.3f} | {when} |"
        )
    at = own.reached(best)
    if at is not None:
        share = at / own.seconds
        lines.append(f"\nood-bench reaches the best peer's end in {share:.2f} of the time.")
    return "\n".join(lines)


def draw(racing: list[Contestant], title: str, path: Path) -> None:
    """Draw bits per dimension over seconds."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(7, 4), layout="constrained")
    for one in racing:
        seconds, bits = np.array(one.course).T
        axes.plot(seconds / 60, bits, label=f"{one.name}: {bits[-1]:.2f}")
    last = [bits for one in racing for seconds, bits in one.course if seconds > 2 * TURN]
    axes.set(
        title=title,
        xlabel="Minutes of training on one core",
        ylabel="Bits per dimension of validation images",
        ylim=(min(last) - 0.1, min(max(last), min(last) + 4) + 0.1) if last else None,
    )
    axes.grid(alpha=0.3)
    axes.legend(title="At the end")
    figure.savefig(path, dpi=150)


def main() -> None:
    """Race and write what came of it."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--data", choices=sorted(OURS), default="fashion_mnist")
    parser.add_argument("--minutes", type=float, default=15.0)
    parser.add_argument("-o", "--output", type=Path, required=True)
    arguments = parser.parse_args()
    root = os.environ.get("OOD_BENCH_DATA")
    racing = race(arguments.data, minutes=arguments.minutes, root=Path(root) if root else None)
    arguments.output.mkdir(parents=True, exist_ok=True)
    with (arguments.output / f"race-{arguments.data}.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["contestant", "seconds", "bits_per_dimension"])
        writer.writerows((one.name, *point) for one in racing for point in one.course)
    title = f"{TITLES[arguments.data]}, {arguments.minutes:g} minutes each"
    draw(racing, title, arguments.output / f"race-{arguments.data}.png")
    sys.stdout.write(table(racing) + "\n")


if __name__ == "__main__":
    main()
