"""The cost of a training step: operations, memory and seconds of models whose cost is known."""

import time

import pytest
import torch
from torch import Tensor, nn

from ood_bench.data import Shape
from ood_bench.lit import DensityModule, cost
from ood_bench.lit.cost import StepCost, pretended, step_cost, timed, unseen, validation_cost
from ood_bench.recipe import Recipe

SHAPE = Shape(1, 4, 4)
WIDTH = 32
RECIPE = Recipe(precision="float32")
CPU = torch.device("cpu")


class Perceptron(DensityModule):
    """Two matrix products of known size; with `reads`, it looks at a value, as no meta tensor."""

    def __init__(self, shape: Shape, *, reads: bool = False, work: float = 0.0) -> None:
        super().__init__(shape)
        self.first = nn.Linear(shape.dims, WIDTH, bias=False)
        self.second = nn.Linear(WIDTH, 1, bias=False)
        self.reads, self.work = reads, work

    def log_prob(self, x: Tensor) -> Tensor:
        y = self.dequantize(x).flatten(1)
        if self.reads and float(y.sum()) < 0:
            raise ValueError("cannot be")
        used = time.process_time()
        while not x.is_meta and time.process_time() - used < self.work * len(x):
            torch.rand(1)
        return -self.second(self.first(y).square()).squeeze(1).square()


def measured(batch: int = 8, **options: object) -> StepCost:
    with unseen():
        model, outlined = (Perceptron(SHAPE, **options) for _ in range(2))  # type: ignore[arg-type]
        model.initialise(pretended(SHAPE, 4))
        return step_cost(model, outlined, RECIPE, batch=batch)


@pytest.mark.parametrize("batch", [1, 8, 64])
def test_operations_are_those_of_the_matrix_products(batch: int) -> None:
    forward = 2 * batch * (16 * WIDTH + WIDTH)
    # Both weights, and the input of the second layer; that of the first needs no gradient.
    backward = forward + 2 * batch * WIDTH
    assert measured(batch).flops == forward + backward


def test_a_model_that_reads_values_is_counted_on_its_device() -> None:
    assert measured(reads=True).flops == measured().flops
    assert measured(reads=True).memory == pytest.approx(measured().memory, rel=0.05)


def test_memory_is_weights_gradients_moments_images_and_what_is_saved() -> None:
    small, large = measured(batch=8), measured(batch=64)
    assert small.parameters == 16 * WIDTH + WIDTH
    saved_of_an_image = (large.memory - small.memory) / (64 - 8)
    # float32: the input, the first layer's output and its square, the output; uint8: the image.
    assert saved_of_an_image == 4 * (16 + WIDTH + WIDTH + 1) + 16
    fixed = small.memory - 8 * saved_of_an_image
    assert fixed == pytest.approx(4 * 4 * small.parameters, abs=32)  # the flags and step counts


def test_seconds_are_those_of_a_step() -> None:
    found = measured(batch=16, work=0.002)
    assert found.images == 16
    assert found.seconds == pytest.approx(0.032, rel=0.3)


def test_a_slow_step_is_measured_on_fewer_images(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cost, "SECONDS", 0.08)
    found = measured(batch=64, work=0.01)
    assert found.images == 4
    assert found.seconds == pytest.approx(0.64, rel=0.2)
    began = time.process_time()
    monkeypatch.setattr(cost, "SECONDS", 0.0)
    once = measured(batch=1000, work=0.05)
    assert once.images == 1
    assert once.seconds == pytest.approx(50, rel=0.2)
    assert time.process_time() - began < 1


def test_validation_is_timed_for_each_image() -> None:
    with unseen():
        model = Perceptron(SHAPE, work=0.002)
        assert validation_cost(model, most=32) == pytest.approx(0.002, rel=0.3)
    assert not model.training
    assert model.initialised


def test_what_is_constant_counts_for_no_image() -> None:
    def act(count: int) -> None:
        used = time.process_time()
        while time.process_time() - used < 0.02 + 0.001 * count:
            pass

    found = timed(act, device=CPU, most=64, seconds=1.0)
    assert found.images == 64
    assert found.more == pytest.approx(0.001, rel=0.2)


def test_time_that_this_process_does_not_compute_does_not_count() -> None:
    found = timed(lambda _: time.sleep(0.02), device=CPU, most=1, seconds=0.2)
    assert found.seconds < 0.01


def test_measuring_leaves_the_random_state_alone() -> None:
    torch.manual_seed(5)
    expected = torch.get_rng_state()
    measured(work=0.001)
    assert torch.equal(torch.get_rng_state(), expected)


def test_pretended_images_are_smooth_and_always_the_same() -> None:
    first = pretended(Shape(3, 32, 32), 5)
    assert torch.equal(first, pretended(Shape(3, 32, 32), 5))
    x = first.double()
    assert first.dtype == torch.uint8
    assert float((x[..., 1:] - x[..., :-1]).abs().mean()) < 0.4 * float(x.std())
