"""Densities over floats become models of 8-bit images, with noise and Jacobians in their place."""

import math

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.distributions import Beta, Distribution, Independent, Normal

from ood_bench.data import Shape
from ood_bench.errors import PluginError
from ood_bench.lit import FloatDensity, build, load_pretrained
from ood_bench.lit.floats import Layout, Space
from ood_bench.testing import MODEL_LAWS, ModelContract, ModelSubject, check_model, random_images

SHAPE = Shape(1, 3, 4)


class Gaussian(FloatDensity):
    """Independent normal values, of parameters."""

    def __init__(self, shape: Shape, *, layout: Layout = "flat", space: Space = "unit") -> None:
        super().__init__(shape, layout=layout, space=space)
        size = (shape.dims,) if layout == "flat" else tuple(shape)
        self.mean = nn.Parameter(torch.full(size, 0.4))
        self.log_std = nn.Parameter(torch.full(size, -1.0))

    def distribution(self) -> Distribution:
        return Independent(Normal(self.mean, self.log_std.exp()), self.mean.ndim)


class TestGaussian(ModelContract):
    model = Gaussian


class TestGaussianOfLogits(ModelContract):
    model = Gaussian
    options = {"layout": "image", "space": "logit"}  # noqa: RUF012  as a plugin's author writes it


class TestGaussianOfStandardised(ModelContract):
    model = Gaussian
    options = {"space": "standard"}  # noqa: RUF012


@pytest.mark.parametrize("layout", ["flat", "image"])
@pytest.mark.parametrize("space", ["unit", "standard", "logit"])
def test_the_jacobian_is_autograds(layout: Layout, space: Space) -> None:
    model = build(Gaussian, SHAPE, {"layout": layout, "space": space}, 0).double()
    x = random_images(SHAPE, 4)
    model.initialise(x)
    model.eval()
    y = model.dequantize(x)
    for image, found in zip(y, model.log_density(y).detach(), strict=True):

        def seen(flat: Tensor) -> Tensor:
            return model._seen(flat.view(1, *SHAPE))[0].flatten()

        jacobian = torch.autograd.functional.jacobian(seen, image.flatten())
        volume = torch.linalg.slogdet(jacobian).logabsdet
        density = Independent(Normal(model.mean.flatten(), model.log_std.flatten().exp()), 1)
        expected = density.log_prob(seen(image)) + volume
        assert float(found) == pytest.approx(float(expected.detach()), rel=1e-9)
    assert torch.allclose(model.log_prob(x), model.log_density(y) - 12 * math.log(256))


def test_a_uniform_density_scores_eight_bits() -> None:
    uniform = Independent(Beta(torch.ones(12), torch.ones(12)), 1)
    model = FloatDensity(SHAPE, uniform)
    x = random_images(SHAPE, 5)
    model.initialise(x)
    assert model.eval().log_prob(x).numpy() == pytest.approx(np.full(5, -12 * math.log(256)))


def test_standardised_values_have_mean_0_and_deviation_1() -> None:
    model = build(Gaussian, SHAPE, {"space": "standard"}, 0)
    x = random_images(SHAPE, 500)
    model.initialise(x)
    v, _ = model.eval()._seen(model.dequantize(x))
    assert (float(v.mean()), float(v.std())) == pytest.approx((0, 1), abs=0.01)


def test_what_has_no_log_prob_or_one_value_a_pixel_is_refused_with_advice() -> None:
    x = random_images(SHAPE, 2)
    for density, message in (
        (nn.Linear(12, 12), r"TypeError|Linear|forward"),
        (dict, "dict has no log_prob; hand FloatDensity an object that has"),
        (Normal(torch.zeros(12), 1.0), r"returns \(2, 12\), not \(2,\); sum over dimensions"),
    ):
        with pytest.raises((ValueError, TypeError), match=message):
            FloatDensity(SHAPE, density).initialise(x)  # type: ignore[arg-type]  # on purpose


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"build": "no.such:Flow"}, "build 'no.such:Flow' does not import: ModuleNotFoundError"),
        ({"build": "torch.distributions:Norml"}, "does not import: AttributeError"),
        ({"build": "./flow.py:Flow"}, "does not import: FileNotFoundError"),
        ({"build": "zuko"}, "write package.module:callable"),
        ({"build": "math:pi"}, "build 'math:pi' is a float and cannot be called"),
        ({"build": "torch.nn:Linear"}, "build 'torch.nn:Linear': .*out_features"),
        ({"build": "builtins:range"}, "range has no log_prob"),
        ({}, "'density' needs the option 'build'"),
    ],
)
def test_a_density_that_cannot_be_built_is_one_line(options: dict[str, str], message: str) -> None:
    with pytest.raises(PluginError, match=message) as error:
        ModelSubject.of("density", options)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("flow", "space", "more"),
    [
        ("MAF", "unit", {}),
        ("MAF", "logit", {}),
        ("NSF", "standard", {"bins": 4}),
    ],
)
def test_flows_of_zuko_obey_the_contract(flow: str, space: Space, more: dict[str, int]) -> None:
    pytest.importorskip("zuko")
    options = {
        "build": f"zuko.flows:{flow}",
        "arguments": {"transforms": 1, "hidden_features": [16], **more},
        "space": space,
    }
    found = list(check_model(ModelSubject.of("density", options)))
    assert len(found) == len(MODEL_LAWS) + 1
    assert not [verdict for verdict in found if verdict.outcome == "failed"]


def test_weights_of_the_density_alone_are_those_of_the_model(tmp_path_factory) -> None:  # type: ignore[no-untyped-def]
    zuko = pytest.importorskip("zuko")
    flow = zuko.flows.MAF(SHAPE.dims, transforms=1, hidden_features=(8,))
    path = tmp_path_factory.mktemp("weights") / "flow.safetensors"
    save_file({k: v.contiguous() for k, v in flow.state_dict().items()}, path)
    other = zuko.flows.MAF(SHAPE.dims, transforms=1, hidden_features=(8,))
    model = FloatDensity(SHAPE, other)
    load_pretrained(model, path)
    x = random_images(SHAPE, 3)
    y = model.eval().dequantize(x).flatten(1)
    expected = flow().log_prob(y) - SHAPE.dims * math.log(256)
    assert torch.allclose(model.log_prob(x), expected)
