"""A model's size is known, and an absurd one refused, before memory is spent on it."""

import time
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from ood_bench.data import Shape
from ood_bench.errors import TooLargeError
from ood_bench.lit import DensityModule, Size, outline, refuse_too_large
from ood_bench.lit.size import MOST_TENSORS, memory_at_hand
from ood_bench_models.glow import Glow

SMALL = Shape(1, 8, 8)


class Looks(DensityModule):
    """Cannot be built on the meta device: its constructor looks at a value."""

    def __init__(self, shape: Shape, *, width: int, extra: float = 0.0) -> None:
        super().__init__(shape)
        self.layer = nn.Linear(width, width, bias=False)
        if float(self.layer.weight.detach().abs().mean()) + extra > 10:
            raise ValueError("extra is more than this model takes")

    def log_prob(self, x: Tensor) -> Tensor:
        return self.layer.weight.sum().expand(len(x))


class Many(DensityModule):
    """A stack of tiny layers."""

    def __init__(self, shape: Shape, *, layers: int) -> None:
        super().__init__(shape)
        self.layers = nn.ModuleList(nn.Linear(1, 1) for _ in range(layers))

    def log_prob(self, x: Tensor) -> Tensor:
        return torch.zeros(len(x))


class Buffers(DensityModule):
    """Asks for its memory on the CPU by name."""

    def __init__(self, shape: Shape, *, width: int) -> None:
        super().__init__(shape)
        self.register_buffer("table", torch.zeros((width, width), device="cpu"))

    def log_prob(self, x: Tensor) -> Tensor:
        return torch.zeros(len(x))


@pytest.mark.parametrize(
    "build",
    [
        lambda: Glow(SMALL, levels=1, steps=2, width=8),
        lambda: Looks(SMALL, width=8),
        lambda: Many(SMALL, layers=3),
        lambda: Buffers(SMALL, width=8),
    ],
)
def test_an_outline_has_the_size_of_the_model_and_leaves_the_random_state_alone(
    build: Callable[[], DensityModule],
) -> None:
    real = build()
    before = torch.random.get_rng_state()
    outlined = outline("x", build)
    assert torch.equal(torch.random.get_rng_state(), before)
    assert Size.of(outlined) == Size.of(real)
    assert torch.zeros(1).device.type == "cpu"
    assert Size.of(real).parameters == sum(p.numel() for p in real.parameters())


def test_training_is_taken_to_keep_four_numbers_a_parameter() -> None:
    size = Size.of(nn.Linear(10, 7))
    assert size == Size(parameters=77, weights=4 * 77, training=16 * 77)


def test_an_outline_of_an_absurd_model_takes_no_memory_and_says_its_size() -> None:
    began = time.perf_counter()
    outlined = outline("glow", lambda: Glow(SMALL, levels=1, steps=2, width=1_000_000))
    size = Size.of(outlined)
    assert size.parameters > 10**12
    with pytest.raises(TooLargeError, match=r"'glow' has [\d,]+ parameters: training takes at"):
        refuse_too_large("glow", size)
    assert time.perf_counter() - began < 20


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Looks(SMALL, width=3_000_000), "asks for a tensor of 33,528 GiB"),
        (lambda: Buffers(SMALL, width=3_000_000), "asks for a tensor of 33,528 GiB"),
        (lambda: Many(SMALL, layers=10**9), f"more than {MOST_TENSORS:,} tensors of parameters"),
    ],
)
def test_a_constructor_is_stopped_before_it_takes_all_memory(
    build: Callable[[], DensityModule], message: str
) -> None:
    with pytest.raises(TooLargeError, match=message):
        outline("x", build)


def test_a_model_of_more_parameters_than_are_allowed_is_refused_before_they_are_made() -> None:
    assert outline("x", lambda: Looks(SMALL, width=8), most=10**6)
    with pytest.raises(TooLargeError, match="'x' has more than 1,000,000 parameters, too many"):
        outline("x", lambda: Looks(SMALL, width=2_000), most=10**6)
    outlined = outline("x", lambda: Glow(SMALL, levels=1, steps=1, width=2_000), most=10**6)
    refuse_too_large("x", Size.of(outlined))
    with pytest.raises(TooLargeError, match="'x' has more than 1,000,000 parameters, too many"):
        refuse_too_large("x", Size.of(outlined), most=10**6)


def test_what_only_a_real_model_can_tell_is_still_refused() -> None:
    with pytest.raises(ValueError, match="extra is more than this model takes"):
        outline("x", lambda: Looks(SMALL, width=8, extra=20.0))
    with pytest.raises(ValueError, match="divisible by"):
        outline("x", lambda: Glow(Shape(1, 7, 7), levels=1, steps=1, width=8))


def test_a_model_that_only_scores_needs_memory_for_its_weights_alone() -> None:
    at_hand = memory_at_hand()
    assert at_hand
    size = Size(parameters=at_hand // 4, weights=at_hand // 2, training=2 * at_hand)
    refuse_too_large("x", size, trained=False)
    with pytest.raises(TooLargeError, match="training takes at least"):
        refuse_too_large("x", size)
