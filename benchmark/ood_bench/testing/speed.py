"""How fast a model is, measured at the end of a check."""

import time
from collections.abc import Callable
from typing import Any

import torch

from ood_bench.data import Shape
from ood_bench.errors import raised
from ood_bench.lit import build
from ood_bench.testing.law import Verdict
from ood_bench.testing.subject import ImageSubject, random_images


def speed(subject: ImageSubject[Any], seconds: float = 0.5) -> Verdict:
    """Measure images scored and trained on per second, of MNIST's shape if it is accepted."""
    shape = Shape(1, 28, 28)
    try:
        model = build(subject.kind, shape, subject.options, 0)
        model.initialise(random_images(shape, 64))
    except Exception:  # noqa: BLE001  it does not take such images
        shape = subject.shape
        try:
            model = subject.small()
        except Exception as error:  # noqa: BLE001  nor any other
            return Verdict("speed", "skipped", raised(error))
    x = random_images(shape, 64)

    def train() -> None:
        model.zero_grad()
        torch.autograd.backward(subject.loss(model.train(), x))

    def score() -> None:
        with torch.no_grad():
            subject.scores(model.eval(), x)

    try:
        rates = [_rate(act, len(x), seconds) for act in (score, train)]
    except Exception as error:  # noqa: BLE001  a model may run anybody's code
        return Verdict("speed", "skipped", raised(error))
    return Verdict(
        "speed",
        "measured",
        f"{rates[0]:,.0f} images of {shape} scored per second, {rates[1]:,.0f} trained on, in "
        f"batches of {len(x)} (CPU threads: {torch.get_num_threads()})",
    )


def _rate(act: Callable[[], None], images: int, seconds: float) -> float:
    act()
    began, done = time.perf_counter(), 0
    while not done or time.perf_counter() - began < seconds:
        act()
        done += 1
    return done * images / (time.perf_counter() - began)
