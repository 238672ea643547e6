"""The norm of the gradient in the image: a Gaussian's closed form, and finite differences."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ood_bench.capabilities import Differentiable
from ood_bench.data import Shape
from ood_bench.lit import build
from ood_bench.statistics import batches
from ood_bench.statistics.input_gradient_norm import InputGradientNorm
from ood_bench.testing import displaced
from ood_bench_models.glow import Glow

SHAPE = Shape(1, 4, 4)
Images = NDArray[np.uint8]


def images(n: int) -> Images:
    return np.random.default_rng(0).integers(0, 256, (n, *SHAPE), dtype=np.uint8)


@pytest.fixture
def glow() -> Glow:
    built = build(Glow, SHAPE, {"levels": 1, "steps": 2, "width": 4}, 0)
    return displaced(built, scale=0.05).double()


class Gaussian(nn.Module, Differentiable):
    """A density with independent pixels of mean 0.5 and one variance."""

    def __init__(self, variance: float) -> None:
        super().__init__()
        self.variance = nn.Parameter(torch.tensor(variance, dtype=torch.float64))

    def log_density(self, y: Tensor) -> Tensor:
        return -(y - 0.5).square().flatten(1).sum(dim=1) / (2 * self.variance)


def test_a_gaussians_is_the_distance_over_the_variance() -> None:
    x = images(5)
    found = InputGradientNorm().compute(x, Gaussian(0.04))["input_gradient_norm"]
    distance = np.sqrt((((x + 0.5) / 256 - 0.5) ** 2).sum(axis=(1, 2, 3)))
    assert found == pytest.approx(distance / 0.04)
    assert found.dtype == np.float64


def test_a_flows_agrees_with_finite_differences(glow: Glow) -> None:
    x = images(3)
    found = InputGradientNorm().compute(x, glow)["input_gradient_norm"]
    y = (torch.from_numpy(x).double() + 0.5) / 256
    steps = 1e-6 * torch.eye(16, dtype=torch.float64).view(16, *SHAPE)
    with torch.no_grad():
        for image, norm in zip(y, found, strict=True):
            rise = glow.log_density(image + steps) - glow.log_density(image - steps)
            assert norm == pytest.approx(float(rise.norm() / 2e-6), rel=1e-6)


def test_the_batch_changes_nothing(glow: Glow, monkeypatch: pytest.MonkeyPatch) -> None:
    x = images(7)
    expected = InputGradientNorm().compute(x, glow)["input_gradient_norm"]
    monkeypatch.setitem(batches.VALUES_PER_BATCH, "cpu", 3 * 16)
    found = InputGradientNorm().compute(x[::-1].copy(), glow)["input_gradient_norm"]
    assert found[::-1] == pytest.approx(expected, rel=1e-9)


def test_the_model_is_left_as_it_was(glow: Glow) -> None:
    InputGradientNorm().compute(images(3), glow)
    assert all(p.requires_grad and p.grad is None for p in glow.parameters())


def test_a_model_without_a_density_is_refused() -> None:
    with pytest.raises(ValueError, match="NoneType does not name Differentiable"):
        InputGradientNorm().compute(images(1), None)
