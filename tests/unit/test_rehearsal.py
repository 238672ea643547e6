"""A density of another package that scores no images is refused before it is trained."""

import time
from pathlib import Path

import pytest
import torch
from tests.conftest import Command
from torch import Tensor, nn

from ood_bench.data import Library, Shape
from ood_bench.errors import SuiteError
from ood_bench.lit import FloatDensity, cannot_score, outline
from ood_bench.lit.rehearsal import LARGEST
from ood_bench.plan import Plan, build_plan
from ood_bench.registry import Registry
from ood_bench.suite import load_suite

OWN = """
import torch
from torch import nn
from ood_bench.lit import FloatDensity


class Flow(nn.Module):
    def __init__(self, dims, context):
        super().__init__()
        self.dims, self.net = dims, nn.Linear(dims + context, 1)

    def log_prob(self, x, context=None):
        return self.net(x if context is None else torch.cat([x, context], 1)).squeeze(1)


class Strict(Flow):
    def log_prob(self, x, *, context):
        return super().log_prob(x, context)


class Masking(Flow):  # looks at values, which the meta device has not
    def log_prob(self, x, context=None):
        return super().log_prob(x)[x[:, 0] < 2] + float(x.sum() > 1e9)


class PerDimension(Flow):
    def log_prob(self, x):
        return -x


def density(flow, context=0):
    class Own(FloatDensity):
        def __init__(self, shape):
            super().__init__(shape, flow(shape.dims, context))

    return Own


Optional, Needed = density(Flow, 3), density(Strict, 3)
Values, Wrong, Right = density(Masking), density(PerDimension), density(Flow)
"""


def planned(tiny: Path, model: str) -> Plan:
    (tiny.parent / "own.py").write_text(OWN)
    text = tiny.read_text()
    start, stop = text.index("models:"), text.index("detectors:")
    entry = f"models:\n  glow: {model}\n"
    tiny.write_text(text[:start] + entry + text[stop:])
    library = Library(root=None, index=None, hub=False)
    return build_plan(load_suite(tiny), Registry(tiny.parent), library)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("Optional", "scores no images of 1×8×8: RuntimeError: mat1 and mat2 shapes cannot be"),
        ("Needed", "scores no images of 1×8×8: TypeError: Strict.log_prob() missing 1 required"),
        ("Wrong", "scores no images of 1×8×8: Own: log_prob of 4 images returns (4, 64), not (4,)"),
    ],
)
def test_a_density_that_wants_more_than_images_is_refused_while_planning(
    tiny: Path, name: str, message: str
) -> None:
    with pytest.raises(SuiteError) as caught:
        planned(tiny, f"{{use: './own.py:{name}'}}")
    (said,) = str(caught.value).splitlines()
    assert said.startswith(f"{tiny}:")
    assert message in said


@pytest.mark.parametrize("name", ["Right", "Values"])
def test_a_density_that_scores_images_is_planned(tiny: Path, name: str) -> None:
    before = torch.random.get_rng_state()
    assert planned(tiny, f"{{use: './own.py:{name}'}}").cells
    assert torch.equal(torch.random.get_rng_state(), before)


def test_a_flow_of_zuko_that_wants_a_context_is_refused_while_planning(tiny: Path) -> None:
    pytest.importorskip("zuko")
    flow = "{use: density, options: {build: 'zuko.flows:NSF', arguments: {transforms: 1%s}}}"
    with pytest.raises(SuiteError, match="'density' scores no images of 1×8×8: RuntimeError: "):
        planned(tiny, flow % ", context: 5")


def test_a_density_too_large_to_be_asked_is_left_to_its_training() -> None:
    class Large(FloatDensity):
        def __init__(self, shape: Shape) -> None:
            super().__init__(shape, _Looking())

    class _Looking(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.empty(LARGEST // 4 + 1))

        def log_prob(self, v: Tensor) -> Tensor:
            raise RuntimeError(f"asked for {v.shape}")

    shape = Shape(1, 2, 2)
    built: list[int] = []
    assert cannot_score(outline("x", lambda: Large(shape)), lambda: built.append(1)) is None  # type: ignore[arg-type,return-value]
    assert not built


def test_a_model_too_large_for_its_laws_is_refused_in_seconds(ood_bench: Command) -> None:
    pytest.importorskip("zuko")
    began = time.perf_counter()
    arguments = "arguments={hidden_features: [1000000]}"
    done = ood_bench(
        "models", "check", "density", "--set", "build=zuko.flows:NSF", "--set", arguments
    )
    assert done.status == 2
    assert len(done.err.splitlines()) == 1
    assert "has more than 100,000,000 parameters, too many for laws that build it" in done.err
    assert time.perf_counter() - began < 30
