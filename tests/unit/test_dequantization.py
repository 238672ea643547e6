"""Several draws of the dequantization noise: a bound that rises towards log P(x)."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.distributions import Normal

from ood_bench.capabilities import Infers, dequantized
from ood_bench.data import Library, Shape
from ood_bench.lit import DensityModule, build, importance_weighted
from ood_bench.plan import build_plan
from ood_bench.registry import Registry
from ood_bench.statistics.log_prob import LogProb
from ood_bench.suite import load_suite
from ood_bench_models.flow_matching import FlowMatching
from ood_bench_models.glow import Glow
from ood_bench_models.hvae import HVAE
from ood_bench_models.pixelcnn import PixelCNN
from ood_bench_models.vae import VAE

WIDTH = 0.8 / 256


class Narrow(DensityModule):
    """Normal pixels whose density changes much within one level: log P(x) is in closed form."""

    normal = Normal(100.3 / 256, WIDTH)

    def log_prob(self, x: Tensor) -> Tensor:
        y = self.dequantize(x).double().flatten(1)
        return (self.normal.log_prob(y) - math.log(256)).sum(dim=1)

    def exact(self, x: Tensor) -> Tensor:
        level = x.double().flatten(1)
        inside = self.normal.cdf((level + 1) / 256) - self.normal.cdf(level / 256)
        return inside.log().sum(dim=1)


@pytest.fixture
def narrow() -> Narrow:
    model = build(Narrow, Shape(1, 1, 2), {}, 0)
    model.initialise(torch.zeros(1, 1, 1, 2, dtype=torch.uint8))
    return model.eval()


@pytest.fixture
def pairs() -> Tensor:
    """All images of two pixels whose levels lie within two of the mean."""
    levels = torch.arange(98, 103, dtype=torch.uint8)
    return torch.cartesian_prod(levels, levels).view(-1, 1, 1, 2)


def test_the_bound_rises_with_the_draws_to_the_sum_over_the_bin(
    narrow: Narrow, pairs: Tensor
) -> None:
    exact = narrow.exact(pairs)
    gaps = [float((exact - importance_weighted(narrow, pairs, k)).mean()) for k in (1, 8, 64, 512)]
    assert gaps == sorted(gaps, reverse=True)
    assert gaps[0] > 0.1
    assert abs(gaps[-1]) < 0.01


def test_one_draw_is_log_prob_and_more_leave_it_as_it_was(narrow: Narrow, pairs: Tensor) -> None:
    before = narrow.log_prob(pairs)
    assert torch.equal(importance_weighted(narrow, pairs, 1), before)
    several = importance_weighted(narrow, pairs, 4)
    assert torch.equal(importance_weighted(narrow, pairs, 4), several)
    assert torch.allclose(importance_weighted(narrow, pairs[3:4], 4), several[3:4])
    assert not torch.equal(several, before)
    assert torch.equal(narrow.log_prob(pairs), before)


def test_the_statistic_takes_the_draws(narrow: Narrow, pairs: Tensor) -> None:
    statistic = LogProb()
    assert np.array_equal(statistic.compute(pairs.numpy(), narrow)["log_prob"],
                          narrow.log_prob(pairs).numpy())  # fmt: skip
    statistic.samples = 16
    found = statistic.compute(pairs.numpy(), narrow)["log_prob"]
    assert found == pytest.approx(importance_weighted(narrow, pairs, 16).numpy(), rel=1e-12)


def test_each_model_says_what_its_log_prob_is() -> None:
    assert [m.log_prob_is for m in (Glow, PixelCNN, VAE, HVAE, FlowMatching)] == [
        "bound", "exact", "bound", "bound", "estimate",
    ]  # fmt: skip
    assert [dequantized(m) for m in (Glow, PixelCNN, VAE, HVAE, FlowMatching)] == [
        True, False, False, False, True,
    ]  # fmt: skip
    assert Infers in VAE.__mro__


SUITE = """\
models:
  glow: {options: {levels: 1, steps: 2, width: 8}}
  pixelcnn: {options: {layers: 2, width: 6}}
ensembles:
  two: {of: glow, seeds: [0, 1]}
  exact: {of: pixelcnn, seeds: [0, 1]}
analyses: []
claims: []
"""


def planned(tiny: Path, *assignments: str) -> "tuple[dict[str, str], set[str]]":
    path = tiny.parent / "two.yaml"
    path.write_text(f"extends: {tiny.name}\n{SUITE}")
    plan = build_plan(
        load_suite(path, assignments=assignments), Registry(), Library(root=None, index=None)
    )
    notes = {
        note
        for cell in plan.cells
        for at in cell.at
        for note in at.note.split("; ")
        if "log_prob" in note
    }
    return {cell.name: cell.key for cell in plan.cells}, notes


def test_draws_change_the_keys_of_flows_likelihoods_and_of_no_training(tiny: Path) -> None:
    before, notes = planned(tiny)
    assert planned(tiny, "evaluation.dequantization.samples=1") == (before, notes)
    assert notes == {f"log_prob of {name} is a lower bound" for name in ("glow", "cv-glow", "two")}
    after, notes = planned(tiny, "evaluation.dequantization.samples=4")
    assert notes == {
        f"log_prob of {name} is a lower bound over 4 draws of noise"
        for name in ("glow", "cv-glow", "two")
    }
    trainings = {name for name in before if name.startswith("train/")}
    assert all(after[name] == before[name] for name in trainings)
    assert after["metric/glow@low/0/low/test/bpd"] != before["metric/glow@low/0/low/test/bpd"]
    of_pixelcnn = {name for name in before if "pixelcnn" in name or "exact" in name}
    assert {name: after[name] for name in of_pixelcnn} == {
        name: before[name] for name in of_pixelcnn
    }
