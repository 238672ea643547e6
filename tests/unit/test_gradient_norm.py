"""Per-image gradients in the parameters: exact for every model here, in any batch."""

from collections.abc import Callable
from itertools import chain

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import conv2d, conv_transpose2d, linear

from ood_bench.data import Shape
from ood_bench.lit import DensityModule, build
from ood_bench.statistics import batches, gradient_norm, in_family
from ood_bench.statistics.gradient_norm import GradientNorm, fastest, layers_of
from ood_bench.statistics.parameter_gradients import differentiable, gradients_one_by_one
from ood_bench.statistics.per_image_gradients import UnruledError, gradients_at_once, layer_values
from ood_bench.testing import displaced
from ood_bench_models.diffusion import Diffusion
from ood_bench_models.flow_matching import FlowMatching
from ood_bench_models.glow import Glow
from ood_bench_models.pixelcnn import PixelCNN
from ood_bench_models.tarflow import TarFlow
from ood_bench_models.vae import VAE

SHAPE = Shape(1, 8, 8)
VAE_OPTIONS: dict[str, object] = {"latent": 3, "channels": (4, 6), "samples": 3}
MODELS: dict[str, tuple[type[DensityModule], dict[str, object]]] = {
    "affine Glow": (Glow, {"steps": 2, "width": 8}),
    "additive Glow": (Glow, {"steps": 2, "width": 8, "coupling": "additive"}),
    "standard Glow": (Glow, {"steps": 2, "width": 8, "prior": "standard"}),
    "highway Glow": (Glow, {"steps": 1, "width": 8, "network": "highway"}),
    "PixelCNN": (PixelCNN, {"layers": 3, "width": 8}),
    "PixelCNN of logistics": (
        PixelCNN,
        {"layers": 2, "width": 8, "likelihood": "logistic_mixture"},
    ),
    "diffusion": (Diffusion, {"channels": (4, 6), "samples": 2}),
    "TarFlow": (TarFlow, {"patch": 2, "blocks": 2, "layers": 1, "width": 8, "heads": 2}),
    "VAE": (VAE, VAE_OPTIONS),
    "VAE of logistics": (VAE, VAE_OPTIONS | {"likelihood": "logistic_mixture", "components": 2}),
}
Images = NDArray[np.uint8]


def images(n: int, shape: Shape = SHAPE) -> Images:
    return np.random.default_rng(0).integers(0, 256, (n, *shape), dtype=np.uint8)


def model(name: str, shape: Shape = SHAPE) -> DensityModule:
    """A model off its initialisation, in float64."""
    kind, options = MODELS[name]
    return displaced(build(kind, shape, options, 0), scale=0.05, seed=1).double()


def looped(built: DensityModule, x: Images) -> dict[str, list[float]]:
    """The columns by the obvious loop: one image forward and back at a time."""
    found: dict[str, list[float]] = {}
    for image in torch.from_numpy(x).split(1):
        built.zero_grad()
        built.log_prob(image).sum().backward()
        for name, layer in built.named_modules():
            own = [p.grad for p in layer.parameters(recurse=False) if p.grad is not None]
            if own:
                square = sum(float(gradient.square().sum()) for gradient in own)
                found.setdefault(f"gradient_norm.{name or 'model'}", []).append(square)
    built.zero_grad()
    return found


@pytest.mark.parametrize("shape", [SHAPE, Shape(3, 4, 8)], ids=str)
@pytest.mark.parametrize("name", MODELS)
def test_columns_are_those_of_a_loop_over_images(name: str, shape: Shape) -> None:
    built, x = model(name, shape), images(7, shape)
    expected = looped(built, x)
    found = GradientNorm().compute(x, built)
    assert set(found) == set(expected)
    for column, values in expected.items():
        assert found[column] == pytest.approx(values, rel=1e-9, abs=1e-12), column
        assert in_family(column, GradientNorm.columns[0])


@pytest.mark.parametrize("name", MODELS)
def test_all_models_here_take_one_pass_a_batch(name: str) -> None:
    built, x = model(name), torch.from_numpy(images(5))
    with differentiable(built) as parameters:
        expected = gradients_one_by_one(built.log_prob, parameters, x)
        for found, gradient in zip(
            gradients_at_once(built.log_prob, parameters, x), expected, strict=True
        ):
            assert torch.allclose(found, gradient, rtol=1e-9, atol=1e-12)


def test_a_model_that_differentiates_on_the_way_takes_one_pass_an_image() -> None:
    options: dict[str, object] = {"channels": (11,), "tolerance": 0.1, "exact_dims": 0}
    built = displaced(build(FlowMatching, Shape(1, 2, 2), options, 0)).double()
    x = images(2, Shape(1, 2, 2))
    with differentiable(built) as parameters, pytest.raises(UnruledError, match="on the way"):
        gradients_at_once(built.log_prob, parameters, torch.from_numpy(x))
    found = GradientNorm().compute(x, built)
    for column, values in looped(built, x).items():
        assert found[column] == pytest.approx(values, rel=1e-9, abs=1e-12), column


@pytest.mark.parametrize("name", ["affine Glow", "PixelCNN", "VAE"])
def test_layers_add_up_to_the_whole_gradient_in_float32(name: str) -> None:
    built, x = model(name).float(), images(4)
    total = np.sum(list(GradientNorm().compute(x, built).values()), axis=0)
    for image, found in zip(torch.from_numpy(x).split(1), total, strict=True):
        gradients = torch.autograd.grad(built.log_prob(image).sum(), list(built.parameters()))
        expected = sum(float(gradient.double().square().sum()) for gradient in gradients)
        assert found == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("name", ["affine Glow", "PixelCNN", "VAE"])
def test_the_batch_changes_no_column(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    built, x = model(name), images(7)
    expected = GradientNorm().compute(x, built)
    order = np.random.default_rng(1).permutation(7)
    for size in (1, 3):
        monkeypatch.setitem(batches.VALUES_PER_BATCH, "cpu", size * 64)
        found = GradientNorm().compute(x[order], built)
        for column, values in expected.items():
            assert found[column] == pytest.approx(values[order], rel=1e-9)


@pytest.mark.parametrize("limit", ["gradients", "layers"])
def test_a_pass_holds_no_more_than_memory(limit: str, monkeypatch: pytest.MonkeyPatch) -> None:
    built = model("affine Glow")
    parameters = list(built.parameters())
    values = layer_values(built.log_prob, torch.from_numpy(images(1)))
    sizes = []

    def watched(
        log_prob: Callable[[Tensor], Tensor], parameters: list[nn.Parameter], x: Tensor
    ) -> list[Tensor]:
        sizes.append(len(x))
        return gradients_at_once(log_prob, parameters, x)

    if limit == "gradients":
        count = sum(parameter.numel() for parameter in parameters)
        monkeypatch.setattr(gradient_norm, "GRADIENT_VALUES", 2 * count)
    else:
        monkeypatch.setitem(gradient_norm.LAYER_VALUES, "cpu", 3 * values)
    monkeypatch.setattr(gradient_norm, "gradients_at_once", watched)
    expected = looped(built, images(7))
    found = GradientNorm().compute(images(7), built)
    assert max(sizes) == 3
    for column, norms in expected.items():
        assert found[column] == pytest.approx(norms, rel=1e-9, abs=1e-12)


def test_a_model_is_left_as_it_was() -> None:
    built = model("affine Glow")
    weights = [parameter.clone() for parameter in built.parameters()]
    first, *others = built.parameters()
    first.requires_grad = False
    GradientNorm().compute(images(3), built)
    assert not first.requires_grad
    assert all(parameter.requires_grad for parameter in others)
    assert all(parameter.grad is None for parameter in built.parameters())
    assert all(map(torch.equal, weights, built.parameters()))


class Layers(nn.Module):
    """log P(x) by a function of the images as numbers, over weights that the module owns."""

    def __init__(self, *shapes: tuple[int, ...]) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.weights = nn.ParameterList(
            torch.randn(shape, generator=generator, dtype=torch.float64) for shape in shapes
        )

    def run(self, y: Tensor, *weights: Tensor) -> Tensor:
        raise NotImplementedError

    def log_prob(self, x: Tensor) -> Tensor:
        y = x.double() / 255 - 0.5
        return self.run(y, *self.weights).flatten(1).square().sum(dim=1)


class Strided(Layers):
    def run(self, y: Tensor, *weights: Tensor) -> Tensor:
        first, bias, second = weights
        h = conv2d(y, first, bias, stride=(2, 1), padding=(1, 2), dilation=(1, 2))
        return conv2d(h.tanh(), second, groups=2, padding="same")


class Transposed(Layers):
    def run(self, y: Tensor, *weights: Tensor) -> Tensor:
        first, bias, second = weights
        h = conv_transpose2d(y, first, bias, stride=2, padding=1, output_padding=1).tanh()
        return conv_transpose2d(h, second, stride=(1, 2), groups=2, dilation=2)


class Twice(Layers):
    """One weight used in two layers and by itself, before and after it meets images."""

    def run(self, y: Tensor, *weights: Tensor) -> Tensor:
        (weight,) = weights
        h = linear(y.flatten(2), weight).tanh() @ weight
        return linear(h * weight[0].exp(), 2 * weight.mT.tril()) + weight.sum()


class Overwritten(Layers):
    def run(self, y: Tensor, *weights: Tensor) -> Tensor:
        h = y.clone()
        z = conv2d(h, weights[0])
        h.mul_(0.5)
        return z + h


class Cast(Layers):
    """A weight that takes its type from the images, and gives a product its own."""

    def run(self, y: Tensor, *weights: Tensor) -> Tensor:
        (weight,) = weights
        return conv2d(y, weight.to(y)) * weight[0].type_as(y).sum()


class Softmaxed(Layers):
    def run(self, y: Tensor, *weights: Tensor) -> Tensor:
        return torch.einsum("bchw,w->bch", y, weights[0].softmax(0))


class Rows(Layers):
    """Rows that are grouped by pixel, not by image."""

    def run(self, y: Tensor, *weights: Tensor) -> Tensor:
        rows = y.flatten(1).T.reshape(-1, 8)
        return linear(rows, weights[0]).reshape(64, -1).T


RULED = [
    Strided((4, 1, 3, 3), (4,), (6, 2, 3, 3)),
    Transposed((1, 4, 3, 3), (4,), (4, 2, 2, 3)),
    Twice((64, 64)),
    Cast((2, 1, 3, 3)),
]


@pytest.mark.parametrize("layers", RULED, ids=lambda layers: type(layers).__name__)
def test_layers_of_all_kinds_are_exact(layers: Layers) -> None:
    x = torch.from_numpy(images(5))
    parameters = list(layers.parameters())
    expected = gradients_one_by_one(layers.log_prob, parameters, x)
    found = gradients_at_once(layers.log_prob, parameters, x)
    for one, other in zip(found, expected, strict=True):
        assert torch.allclose(one, other, rtol=1e-9, atol=1e-10)


def test_what_has_no_rule_takes_a_pass_for_each_image() -> None:
    layers, x = Softmaxed((8,)), torch.from_numpy(images(5))
    with pytest.raises(UnruledError, match="a weight meets images in einsum"):
        gradients_at_once(layers.log_prob, list(layers.parameters()), x)
    _is_looped(layers)


def test_an_input_that_is_overwritten_is_noticed() -> None:
    layers, x = Overwritten((1, 1, 1, 1)), torch.from_numpy(images(5))
    with pytest.raises(UnruledError, match="overwritten"):
        gradients_at_once(layers.log_prob, list(layers.parameters()), x)


def test_rows_in_another_order_are_noticed() -> None:
    _is_looped(Rows((8, 8)))


def _is_looped(layers: Layers) -> None:
    x = torch.from_numpy(images(8))
    parameters = list(layers.parameters())
    squares = fastest(layers.log_prob, parameters, x)(x)
    for expected, gradient in zip(
        squares[:, 0], gradients_one_by_one(layers.log_prob, parameters, x)[0], strict=True
    ):
        assert torch.isclose(expected, gradient.square().sum(), rtol=1e-9)


def test_layers_are_named_by_the_modules_that_own_parameters() -> None:
    built = model("VAE")
    names = layers_of(built)
    assert "encoder.posterior" in names
    assert sorted(chain.from_iterable(names.values())) == list(range(len(list(built.parameters()))))
    assert set(layers_of(Layers((2,)).weights)) == {"model"}


def test_what_is_no_module_is_refused() -> None:
    class Flat:
        def log_prob(self, x: Tensor) -> Tensor:
            return torch.zeros(len(x))

    with pytest.raises(ValueError, match="Flat is no torch module with parameters"):
        GradientNorm().compute(images(1), Flat())
    with pytest.raises(ValueError, match="NoneType does not name DensityModel"):
        GradientNorm().compute(images(1), None)
