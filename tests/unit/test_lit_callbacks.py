"""The weight average and the divergence guard by themselves."""

import math
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from ood_bench.data import Shape
from ood_bench.errors import CellError
from ood_bench.lit import DensityModule, TrainingState
from ood_bench.lit.average import WeightAverage
from ood_bench.lit.guard import DivergenceGuard, check_interval
from ood_bench.recipe import Recipe


class One(DensityModule):
    """A model of one number."""

    def __init__(self) -> None:
        super().__init__(Shape(1, 1, 1))
        self.weight = nn.Parameter(torch.tensor(1.0))

    def log_prob(self, x: Tensor) -> Tensor:
        return self.weight.expand(len(x))


def stepping(model: One, **more: Any) -> Any:
    """Stand in for a trainer at step 0 of 20, with an optimiser."""
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5, momentum=0.9)
    optimizer.param_groups[0]["initial_lr"] = 0.5
    return SimpleNamespace(global_step=0, max_steps=20, optimizers=[optimizer], **more)


def linear(*, bias: bool = True) -> Any:
    """Return a module of which the average reads the parameters alone."""
    return nn.Linear(2, 3, bias=bias)


def guarded(model: One, average: WeightAverage | None = None) -> tuple[DivergenceGuard, Any]:
    recipe = Recipe(steps=20, learning_rate=0.5, warmup=0, schedule="halvings", decay=())
    guard = DivergenceGuard(model, TrainingState(recipe), average)
    trainer = stepping(model)
    if average is not None:
        average.on_train_start(trainer, model)
    guard.on_train_start(trainer, model)
    return guard, trainer


def step(guard: DivergenceGuard, trainer: Any, to: int, weight: float, loss: float = 0.0) -> None:
    """Let a training come to a step, with a weight and a loss."""
    trainer.global_step = to
    guard.model.get_parameter("weight").data.fill_(weight)
    guard.on_train_batch_end(trainer, guard.model, {"loss": torch.tensor(loss)})


def test_checks_are_rare_where_each_makes_a_device_wait() -> None:
    assert check_interval(torch.device("cpu")) == 5
    assert check_interval(torch.device("cuda")) == check_interval(torch.device("mps")) == 50


@pytest.mark.parametrize("kept", [False, True])
def test_an_average_is_a_copy_on_the_parameters_own_device(*, kept: bool) -> None:
    module, average = linear(), WeightAverage(0.9)
    trainer = stepping(One())
    if kept:
        average.load_state_dict({"average": [torch.zeros(3, 2), torch.zeros(3)]})
    average.on_train_start(trainer, module.to("meta"))
    assert [value.device.type for value in average.average] == ["meta", "meta"]
    assert not any(value.requires_grad for value in average.average)
    module = linear()
    average = WeightAverage(0.9)
    average.on_train_start(trainer, module)
    module.weight.data.fill_(7.0)
    assert not (average.average[0] == 7.0).any()


def test_an_average_is_of_one_model_and_no_other() -> None:
    trainer, small, large = stepping(One()), linear(bias=False), linear()
    for own, other in ((small, large), (large, small)):
        average = WeightAverage(0.9)
        average.on_train_start(trainer, own)
        with pytest.raises(ValueError, match="zip"):
            average.on_train_batch_end(trainer, other)
        with pytest.raises(ValueError, match="zip"):
            average.swap(other)
        with pytest.raises(ValueError, match="zip"):
            average.on_train_start(trainer, other)


def test_a_model_is_validated_and_left_with_the_average() -> None:
    model, average = One(), WeightAverage(0.5)
    trainer = stepping(model)
    average.on_train_start(trainer, model)
    trainer.global_step = 40
    model.weight.data.fill_(3.0)
    average.on_train_batch_end(trainer, model)
    average.on_validation_start(trainer, model)
    assert model.weight.item() == 2.0
    average.on_validation_end(trainer, model)
    assert model.weight.item() == 3.0
    average.on_train_end(trainer, model)
    assert model.weight.item() == 2.0


@pytest.mark.parametrize(("weight", "loss"), [(math.nan, 0.0), (5.0, math.inf), (5.0, math.nan)])
def test_a_return_brings_weights_average_and_optimiser_back(weight: float, loss: float) -> None:
    model, average = One(), WeightAverage(0.5)
    guard, trainer = guarded(model, average)
    state = trainer.optimizers[0].state
    state[model.weight]["momentum_buffer"] = torch.tensor(0.25)
    step(guard, trainer, 5, 2.0)
    assert guard.good == 5
    state[model.weight]["momentum_buffer"].fill_(9.0)
    average.average[0].fill_(9.0)
    step(guard, trainer, 7, 3.0, loss)
    step(guard, trainer, 10, weight)
    assert model.weight.item() == 2.0
    assert float(average.average[0]) == 1.0
    assert float(trainer.optimizers[0].state[model.weight]["momentum_buffer"]) == 0.25
    assert guard.divergences == ((10, 0.5),)
    assert trainer.optimizers[0].param_groups[0]["lr"] == 0.25
    step(guard, trainer, 15, 4.0)  # what was copied is not what was trained on
    step(guard, trainer, 20, math.nan)
    assert model.weight.item() == 4.0


def test_what_was_not_finite_before_a_return_is_forgotten_after_it() -> None:
    guard, trainer = guarded(One())
    step(guard, trainer, 5, 2.0, math.inf)
    step(guard, trainer, 10, 3.0)
    assert guard.divergences == ((5, 0.5),)
    assert guard.good == 10


def test_a_training_is_checked_at_its_last_step_too() -> None:
    guard, trainer = guarded(One())
    trainer.max_steps = 7
    step(guard, trainer, 6, math.nan)
    assert guard.divergences == ()
    step(guard, trainer, 7, math.nan)
    assert guard.divergences == ((7, 0.5),)


def test_the_fourth_divergence_ends_a_training_and_says_what_to_do() -> None:
    guard, trainer = guarded(One())
    for to in (5, 10, 15):
        step(guard, trainer, to, math.nan)
    with pytest.raises(CellError) as failure:
        step(guard, trainer, 20, math.nan)
    assert str(failure.value) == (
        "training diverged again at step 20, after 3 returns with half the learning rate (now "
        "0.125 of the recipe's); lower learning_rate, or set clip_norm or warmup"
    )


def test_the_guard_of_a_device_waits_for_no_other() -> None:
    model = One()
    guard, trainer = guarded(model)
    model.to("meta")
    guard.on_train_start(trainer, model)
    assert guard._finite.device.type == "meta"
    guard._return(trainer)
    assert guard._finite.device.type == "meta"


def test_a_resumed_guard_goes_on_with_its_divergences() -> None:
    guard, trainer = guarded(One())
    step(guard, trainer, 5, math.nan)
    state = guard.state_dict()
    assert state == {"divergences": ((5, 0.5),), "rate_factor": 0.5}
    again, _ = guarded(One())
    again.load_state_dict({"divergences": [(5, 0.5)], "rate_factor": 0.5})
    assert again.divergences == ((5, 0.5),)
    assert again.training.rate_factor == 0.5
