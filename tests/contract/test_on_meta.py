"""Models and statistics follow the model's device: on PyTorch's meta device other tensors raise.

A tensor of the meta device has a shape and a type and no values, and no operation takes one of it
and one of another device. Where a statistic reads values, it is given some: a mask chooses every
image, a condition is true, and a result that goes to the CPU is zero.
"""

import tempfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.contract.test_models import CASES
from tests.peer import timm
from torch import Tensor
from torch.overrides import TorchFunctionMode

from ood_bench.capabilities import has
from ood_bench.data import Shape
from ood_bench.lit import ImageModule, build
from ood_bench.registry import Registry
from ood_bench.statistics import Statistic, flow_dimension, likelihood_regret
from ood_bench.statistics.log_prob import LogProb
from ood_bench.testing import random_images
from ood_bench_models import ode
from ood_bench_models.flow_matching import FlowMatching

SHAPE = Shape(3, 8, 8)
MODELS: Mapping[str, tuple[str, Mapping[str, object]]] = {
    f"{name}, {case}": (name, options)
    for name, cases in CASES.items()
    for case, options in cases.items()
} | {
    "classifier": ("classifier", {"width": 8}),
    "module_classifier": (
        "module_classifier",
        {"build": "tests.networks:Net", "arguments": {"outputs": 10, "channels": 3}, "size": 12},
    ),
    "timm": ("timm", {"model": "test_resnet", "size": 32}),
    "diffusers_unet": ("diffusers_unet", {"samples": 2}),
    "density": ("density", {"build": "zuko.flows:NSF", "arguments": {"transforms": 1}}),
    "density, standard": (
        "density",
        {"build": "zuko.flows:MAF", "arguments": {"transforms": 1}, "space": "standard"},
    ),
    "flow_matching, probes": ("flow_matching", {"channels": (4,), "exact_dims": 2}),  # it is slow
}
READS: dict[str, set[str]] = {
    "gradient_norm": {"a condition"},  # whether two ways to compute a norm agree
    "likelihood_regret": {"a mask"},  # which images are optimised further
}
"""The values that a statistic reads on the device, beside its results; no other statistic does."""
SOLVES: Mapping[type[ImageModule], tuple[set[str], set[str]]] = {
    FlowMatching: (
        {
            "log_prob",
            "decomposition",
            "flow_dimension",
            "gradient_norm",
            "latent_norm",
            "latent_normality",
        },
        {"a condition", "a mask"},
    ),
}
"""Models whose steps depend on their error: the statistics that take them, and what these read."""


class ToCpu(torch.autograd.Function):
    """Zeros on the CPU for a tensor of the meta device, and back for its gradient."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return torch.zeros(x.shape, dtype=x.dtype)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        return gradients[0].to("meta")


class Values(TorchFunctionMode):
    """Gives values of tensors of the meta device where they are read, and notes what read them.

    `doubles` are the functions that return a float64 tensor of the meta device.
    """

    def __init__(self) -> None:
        super().__init__()
        self.reads: set[str] = set()
        self.doubles: set[str] = set()

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        first = args[0] if args else None
        if isinstance(first, Tensor) and first.is_meta:
            if func is Tensor.cpu or (func is Tensor.to and args[1:2] == (torch.device("cpu"),)):
                found: Tensor = ToCpu.apply(first)  # type: ignore[no-untyped-call]  # as torch says
                return found
            if func is Tensor.__bool__:
                self.reads.add("a condition")
                return True
            if func in (Tensor.__getitem__, Tensor.__setitem__) and _is_mask(args[1]):
                self.reads.add("a mask")
                args = (first, slice(None), *args[2:])
        result = func(*args, **(kwargs or {}))
        if isinstance(result, Tensor) and result.is_meta and result.dtype == torch.float64:
            self.doubles.add(func.__name__)
        return result


def _is_mask(index: object) -> bool:
    return isinstance(index, Tensor) and index.is_meta and index.dtype == torch.bool


def on_meta(name: str, options: Mapping[str, object]) -> ImageModule:
    """Return a model in evaluation, initialised where there are values."""
    with tempfile.TemporaryDirectory() as folder:
        if name == "timm":
            timm()
        if name == "diffusers_unet":
            from tests.pipelines import write_pipeline

            pipeline = write_pipeline(Path(folder), size=8, channels=3)
            options = {**options, "folder": str(pipeline)}
        model = build(Registry().load("models", name), SHAPE, options, seed=0)
    model.initialise(random_images(SHAPE, 8))
    model.to("meta").initialised = torch.tensor(True)  # `admit` reads it
    return model.eval()


@pytest.fixture(params=list(MODELS))
def model(request: pytest.FixtureRequest) -> ImageModule:
    return on_meta(*MODELS[request.param])


def test_every_model_has_a_case() -> None:
    assert {name for name, _ in MODELS.values()} == set(Registry().names("models"))


@pytest.mark.parametrize("training", [True, False])
def test_a_model_and_its_gradients_follow_its_device(model: ImageModule, training: bool) -> None:
    model.train(training)
    x = random_images(SHAPE, 3).to("meta")
    supervised = "classes" in vars(model)
    label = torch.zeros(3, dtype=torch.int64, device="meta")
    model.log = lambda *_, **__: None  # type: ignore[method-assign]  # no trainer listens
    loss = model.loss((x, label) if supervised else x)
    loss.backward()  # type: ignore[no-untyped-call]  # torch gives it no types
    assert loss.is_meta
    assert all(p.grad is not None and p.grad.is_meta for p in model.parameters())


@pytest.mark.parametrize("float64", [True, False])
def test_every_statistic_of_a_model_follows_its_device(
    model: ImageModule, float64: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not float64:
        monkeypatch.setattr("ood_bench.float64.LACKING", {"meta"})
    monkeypatch.setattr(likelihood_regret, "CHECK", 2)
    monkeypatch.setattr(likelihood_regret, "STEPS", 4)
    monkeypatch.setattr(flow_dimension, "STEPS", 2)
    monkeypatch.setattr(flow_dimension, "PROBES", 1)
    for name in ("STAGES", "NODES", "WEIGHTS", "ERRORS"):  # all stages of a step are alike
        monkeypatch.setattr(ode, name, getattr(ode, name)[:2])
    images = random_images(SHAPE, 2).numpy()
    registry, tried = Registry(), 0
    for name in registry.names("statistics"):
        statistic: type[Statistic] = registry.load("statistics", name)
        if statistic.requires is None or not has(type(model), statistic.requires):
            continue
        for draws in (1, 2) if statistic is LogProb else (None,):
            made = statistic()
            made.samples = draws
            with Values() as values:
                columns = made.compute(images, model)
            if float64:
                solving, read = SOLVES.get(type(model), (set(), set()))
                expected = READS.get(name, set()) | (read if name in solving else set())
                assert values.reads == expected, name
            else:
                assert not values.doubles, name
            assert columns, name
            for column in columns.values():
                assert column.shape == (2,), name
                assert column.dtype == np.float64, name
            tried += 1
    assert tried >= 2
