"""The cost of a training, from a few of its steps: operations, memory and seconds."""

import math
import statistics
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks
from torch.utils.flop_counter import FlopCounterMode

from ood_bench.data import Shape
from ood_bench.lit.memory import keep_freed_memory
from ood_bench.lit.module import Batch, ClassifierModule, ImageModule
from ood_bench.lit.precision import precision_for
from ood_bench.lit.size import Size
from ood_bench.lit.state import TrainingState
from ood_bench.recipe import Recipe

SECONDS = 1.0
"""Time for the steps that are measured; slower ones are measured on fewer images."""
GROWTH = 4
MOST_CALLS = 10
GRAINS = (7, 14)
"""Cells per side of the two random grids that a pretended image is enlarged from."""


@dataclass(frozen=True)
class StepCost:
    """Cost of a step of a training.

    Attributes:
        parameters: Number of trainable parameters.
        flops: Floating-point operations of matrix products and convolutions in a step, forward and
            backward; one multiplication with its addition counts as two.
        memory: Peak bytes: weights, gradients, the optimiser's state, and for one batch the images
            and the tensors saved for the backward pass. In bf16 they are counted as float32.
        seconds: Seconds of a step.
        images: Images of the largest step that was measured; fewer than a batch if that is slow,
            and its seconds are then extrapolated.
    """

    parameters: int
    flops: int
    memory: int
    seconds: float
    images: int


def step_cost(model: ImageModule, outlined: ImageModule, recipe: Recipe, *, batch: int) -> StepCost:
    """Measure the cost of a step, in about a second; the model is then trained by a few steps.

    Operations and memory are counted on the meta device, where nothing is computed; for a model
    that reads values, on its own device with one image. Call it within `unseen`.

    Args:
        model: The model on its device.
        outlined: The model without memory, see `outline`.
        recipe: The training options.
        batch: Images of a step.

    Raises:
        Exception: Whatever the model raises in a step.
    """
    state = TrainingState(recipe, 0, precision_for(recipe, model.device))
    with state.attached_to(model), state.attached_to(outlined):
        timing, optimiser = _steps(model, recipe, batch)
        try:
            flops, saved = _traced(outlined.to("meta"), batch)
        except Exception:  # noqa: BLE001  the steps went well: this model reads values
            flops, saved = (batch * count for count in _traced(model, 1))
    size = Size.of(model)
    gradients = sum(p.numel() * p.element_size() for p in model.parameters() if p.requires_grad)
    return StepCost(
        parameters=size.parameters,
        flops=flops,
        memory=size.weights + gradients + optimiser + saved + batch * model.shape.dims,
        seconds=timing.seconds + (batch - timing.images) * timing.more,
        images=timing.images,
    )


def counted_cost(outlined: ImageModule, recipe: Recipe, *, batch: int, rate: float) -> StepCost:
    """Return the cost of a step from its operations, without running one.

    The optimiser's state counts as two numbers a parameter.

    Args:
        outlined: The model without memory, see `outline`.
        recipe: The training options.
        batch: Images of a step.
        rate: Operations a second.

    Raises:
        Exception: Whatever the model raises on the meta device, one that reads values for instance.
    """
    state = TrainingState(recipe, 0, precision_for(recipe, torch.device("cpu")))
    with state.attached_to(outlined):
        flops, saved = _traced(outlined.to("meta"), batch)
    size = Size.of(outlined)
    trained = sum(p.numel() * p.element_size() for p in outlined.parameters() if p.requires_grad)
    memory = size.weights + 3 * trained + saved + batch * outlined.shape.dims
    return StepCost(size.parameters, flops, memory, flops / rate, images=0)


def validation_cost(model: ImageModule, *, most: int) -> float:
    """Return the seconds of validating one image.

    Args:
        model: The model; it is in evaluation and initialised afterwards.
        most: Maximum number of images in a batch.
    """
    readied(model)
    return timed(
        lambda count: model.validate([_batch(model, count)]),
        device=model.device,
        most=most,
        seconds=SECONDS / 4,
    ).more


@contextmanager
def unseen() -> Iterator[None]:
    """Restore the global random state of the CPU and the GPU; silence warnings."""
    with warnings.catch_warnings(), torch.random.fork_rng():
        warnings.simplefilter("ignore")  # Lightning warns of a log without a trainer
        yield


def pretended(shape: Shape, count: int) -> Tensor:
    """Return images that are about as smooth as photographs, uint8 `(count, C, H, W)`.

    They are the same in every call.
    """
    generator = torch.Generator().manual_seed(0)
    size = (count, shape.channels)
    image = 8 * torch.rand((*size, shape.height, shape.width), generator=generator)
    for grain, weight in zip(GRAINS, (170, 78), strict=True):
        grid = torch.rand((*size, grain, grain), generator=generator)
        image += weight * nn.functional.interpolate(
            grid, (shape.height, shape.width), mode="bilinear"
        )
    return image.to(torch.uint8)


def readied(model: ImageModule) -> ImageModule:
    """Return a model in evaluation; an untrained one is initialised by pretended images."""
    if not model.initialised:
        model.initialise(pretended(model.shape, 8).to(model.device))
    return model.eval()


class Timing(NamedTuple):
    """Seconds of a function of some images, and of each further image."""

    images: int
    seconds: float
    more: float


def timed(
    act: Callable[[int], object],
    *,
    device: torch.device,
    most: int,
    seconds: float,
    longest: float | None = None,
) -> Timing:
    """Time a function with one image, then with four times as many while that fits the time.

    With every number it is called until a quarter of the time is over, and the median counts,
    without the first call, which loads code and allocates memory; a slow one is called once. On a
    CPU no call counts for more than the CPU seconds of this process, which other processes on a
    busy machine do not add to.

    Args:
        act: A function of a number of images.
        device: The device that it computes on.
        most: Maximum number of images.
        seconds: Time for the measurement.
        longest: Time that the last call may take; default: the same.
    """

    def median(count: int) -> float:
        found: list[float] = []
        spent = 0.0
        while not found or (len(found) < MOST_CALLS and spent < seconds / 4):
            began, used = time.perf_counter(), time.process_time()
            act(count)
            if device.type == "cpu":
                alone = time.process_time() - used
            else:
                torch.accelerator.synchronize(device)
                alone = math.inf
            taken = time.perf_counter() - began
            spent += taken
            found.append(min(taken, alone))
        return statistics.median(found[1:] or found)

    count, taken = 1, median(1)
    more = taken
    while count < most and GROWTH * taken < (longest or seconds):
        former, before = count, taken
        count = min(most, GROWTH * count)
        taken = median(count)
        slope = (taken - before) / (count - former)
        more = slope if slope > 0 else taken / count
    return Timing(count, taken, more)


def _traced(model: ImageModule, count: int) -> tuple[int, int]:
    own = {_storage(tensor) for tensor in (*model.parameters(), *model.buffers())}
    kept: dict[int, tuple[Tensor, int]] = {}

    def keep(tensor: Tensor) -> Tensor:
        place = _storage(tensor)
        if place not in own:
            kept[place] = tensor, tensor.untyped_storage().nbytes()
        return tensor

    model.train()
    with FlopCounterMode(display=False) as counter:
        with saved_tensors_hooks(keep, lambda tensor: tensor):
            loss = model.loss(_batch(model, count))
        saved = sum(size for _, size in kept.values())
        loss.backward()  # type: ignore[no-untyped-call]  # torch gives it no types
    return counter.get_total_flops(), saved


def _storage(tensor: Tensor) -> int:
    place: int = tensor.untyped_storage()._cdata
    return place


def _steps(model: ImageModule, recipe: Recipe, batch: int) -> tuple[Timing, int]:
    """Return the time of steps of the training, and the bytes of the optimiser's state."""
    keep_freed_memory()
    model.train()
    parameters = [p for p in model.parameters() if p.requires_grad]
    optimizer: Any = model.configure_optimizers()["optimizer"]

    def step(count: int) -> None:
        optimizer.zero_grad()
        model.training_step(_batch(model, count), 0).backward()  # type: ignore[no-untyped-call]
        if recipe.clip_norm:
            nn.utils.clip_grad_norm_(parameters, recipe.clip_norm)
        optimizer.step()

    timing = timed(step, device=model.device, most=batch, seconds=SECONDS)
    kept = [v for s in optimizer.state.values() for v in s.values() if isinstance(v, Tensor)]
    return timing, sum(v.numel() * v.element_size() for v in kept)


def _batch(model: ImageModule, count: int) -> Batch:
    """Return a batch on the model's device, with labels for a classifier."""
    images = pretended(model.shape, count).to(model.device)
    if not isinstance(model, ClassifierModule):
        return images
    return images, torch.arange(count, device=model.device) % model.classes
