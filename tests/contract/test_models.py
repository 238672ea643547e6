"""Every registered model obeys the laws, and the laws catch the mistakes that models make."""

import math
from collections.abc import Callable, Collection
from importlib.metadata import entry_points

import pytest
import torch
from tests.contract import laws
from torch import Tensor

from ood_bench.capabilities import (
    ConstantVolume,
    Decomposes,
    Decomposition,
    Differentiable,
    Encodes,
    Samples,
    has,
)
from ood_bench.data import Shape
from ood_bench.lit import DensityModule, build
from ood_bench_models.glow import Glow

TWO_PIXELS = Shape(2, 1, 1)
SMALL = Shape(1, 4, 4)

GLOW: dict[str, object] = {"steps": 2, "width": 8}
PIXELCNN: dict[str, object] = {"layers": 3, "width": 8}
VAE: dict[str, object] = {"latent": 2, "channels": (4, 8), "samples": 3}
HVAE: dict[str, object] = {
    "levels": 2,
    "channels": (4, 8),
    "latents": (1, 2),
    "likelihood": "logistic_mixture",
    "components": 2,
}
CASES: dict[str, dict[str, dict[str, object]]] = {
    "glow": {
        "affine": GLOW,
        "additive": GLOW | {"coupling": "additive"},
        "standard prior": GLOW | {"prior": "standard"},
        "highway": GLOW | {"network": "highway"},
    },
    "hvae": {
        "two levels": HVAE,
        "three levels": HVAE | {"levels": 3, "channels": (4, 4, 8), "latents": (1, 2, 2)},
        "several draws": HVAE | {"samples": 3},
        "categorical": HVAE | {"likelihood": "categorical"},
        "free bits": HVAE | {"free_bits": 2.0},
    },
    "pixelcnn": {
        "categorical": PIXELCNN,
        "logistic mixture": PIXELCNN | {"likelihood": "logistic_mixture", "components": 3},
    },
    "vae": {
        "categorical": VAE | {"likelihood": "categorical"},
        "logistic mixture": VAE | {"likelihood": "logistic_mixture", "components": 2},
        "Bernoulli": VAE | {"likelihood": "bernoulli"},
    },
}
ON_TWO_PIXELS: dict[str, dict[str, object]] = {
    "glow": {"levels": 0},
    "hvae": {},
    "pixelcnn": {},
    "vae": {"channels": (4,)},
}
EXACT = {"pixelcnn"}
"""Models of the 8-bit image itself, whose probabilities add up to one and not to less."""

Law = Callable[[DensityModule], None]

ON_ALL_IMAGES: dict[Law, type | None] = {
    laws.probabilities_add_up_to_at_most_one: None,
    laws.samples_have_the_density_they_are_scored_with: Samples,
}
OF_EXACT_DENSITIES = {laws.samples_have_the_density_they_are_scored_with}
ON_SMALL_IMAGES: dict[Law, type | None] = {
    laws.volume_is_the_jacobian_of_encode: Encodes,
    laws.volume_is_that_of_the_linear_part: ConstantVolume,
    laws.scores_do_not_depend_on_the_batch: None,
    laws.every_parameter_gets_a_gradient: None,
    laws.terms_add_up: Decomposes,
    laws.density_is_that_of_the_dequantized_image: Differentiable,
    laws.decode_inverts_encode: Encodes,
    laws.samples_depend_on_the_seed_alone: Samples,
    laws.other_inputs_are_refused: None,
}


def registered() -> dict[str, type[DensityModule]]:
    return {point.name: point.load() for point in entry_points(group="ood_bench.models")}


def cases(names: Collection[str] = CASES) -> list[object]:
    return [
        pytest.param(model, name, options, id=f"{name}, {case}")
        for name, model in registered().items()
        if name in names
        for case, options in CASES[name].items()
    ]


@pytest.mark.parametrize("law", [pytest.param(law, id=law.__name__) for law in ON_ALL_IMAGES])
@pytest.mark.parametrize(("model", "name", "options"), cases())
def test_on_images_of_two_pixels(
    model: type[DensityModule], name: str, options: dict[str, object], law: Law
) -> None:
    needs = ON_ALL_IMAGES[law]
    if needs is not None and not has(model, needs):
        pytest.skip(f"{name} does not name {needs.__name__}")
    if model.bound and law in OF_EXACT_DENSITIES:
        pytest.skip(f"{name} gives a lower bound on log P(x)")
    options = options | ON_TWO_PIXELS[name]
    law(laws.displaced(build(model, TWO_PIXELS, options, 0)))


@pytest.mark.parametrize("shape", [TWO_PIXELS, Shape(1, 1, 2), Shape(1, 2, 1)], ids=str)
@pytest.mark.parametrize(("model", "name", "options"), cases(EXACT))
def test_exact_probabilities_of_all_images_add_up_to_one(
    model: type[DensityModule], name: str, options: dict[str, object], shape: Shape
) -> None:
    displaced = laws.displaced(build(model, shape, options | ON_TWO_PIXELS[name], 0))
    laws.probabilities_add_up_to_at_most_one(displaced, exactly=True)


@pytest.mark.parametrize("law", [pytest.param(law, id=law.__name__) for law in ON_SMALL_IMAGES])
@pytest.mark.parametrize(("model", "name", "options"), cases())
def test_on_small_images(
    model: type[DensityModule], name: str, options: dict[str, object], law: Law
) -> None:
    needs = ON_SMALL_IMAGES[law]
    if needs is not None and not has(model, needs):
        pytest.skip(f"{name} does not name {needs.__name__}")
    law(laws.displaced(build(model, SMALL, options, 0)))


@pytest.mark.parametrize(("model", "name", "options"), cases())
def test_weights_survive_a_round_trip(
    model: type[DensityModule], name: str, options: dict[str, object]
) -> None:
    trained = laws.displaced(build(model, SMALL, options, 0))
    laws.weights_survive_a_round_trip(trained, build(model, SMALL, options, 1))


@pytest.mark.parametrize(("model", "name", "options"), cases())
def test_an_untrained_model_refuses_to_score(
    model: type[DensityModule], name: str, options: dict[str, object]
) -> None:
    laws.an_untrained_model_refuses_to_score(build(model, SMALL, options, 0))


class LosesTheBinWidth(Glow):
    """−D·ln 256 is lost."""

    def decompose(self, x: Tensor) -> Decomposition:
        log_prior, log_volume = super().decompose(x)
        return Decomposition(log_prior, log_volume + self.shape.dims * math.log(256))


class HasTheSignOfTheLogScaleWrong(Glow):
    """The volume term is subtracted."""

    def forward(self, y: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        z, log_prior, log_volume = super().forward(y)
        return z, log_prior, -log_volume


class TakesLog2ForLn(Glow):
    """The bin width enters in bits."""

    def decompose(self, x: Tensor) -> Decomposition:
        log_prior, log_volume = super().decompose(x)
        dims = self.shape.dims
        return Decomposition(log_prior, log_volume + dims * (math.log(256) - math.log2(256)))


class TakesTheMeanForTheSum(Glow):
    """The prior term is a mean over dimensions."""

    def forward(self, y: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        z, log_prior, log_volume = super().forward(y)
        return z, log_prior / self.shape.dims, log_volume


MISTAKES = [LosesTheBinWidth, HasTheSignOfTheLogScaleWrong, TakesLog2ForLn, TakesTheMeanForTheSum]


def broken_laws(model: type[Glow]) -> list[str]:
    """Return the names of the three laws of density that a model breaks."""
    two_pixels = laws.displaced(build(model, TWO_PIXELS, {"levels": 0, **GLOW}, 0))
    small = laws.displaced(build(model, SMALL, GLOW, 0))
    broken = []
    for law, tried in (
        (laws.probabilities_add_up_to_at_most_one, two_pixels),
        (laws.samples_have_the_density_they_are_scored_with, two_pixels),
        (laws.volume_is_the_jacobian_of_encode, small),
    ):
        try:
            law(tried)
        except AssertionError:
            broken.append(law.__name__)
    return broken


def test_a_right_model_breaks_no_law() -> None:
    assert broken_laws(Glow) == []


@pytest.mark.parametrize("mistake", MISTAKES)
def test_the_laws_catch(mistake: type[Glow]) -> None:
    assert broken_laws(mistake)


def test_a_model_that_sets_itself_up_when_scoring_is_caught() -> None:
    class Eager(Glow):
        def log_prob(self, x: Tensor) -> Tensor:
            if not self.initialised:
                self.initialise(x)
                self.eval()
            return super().log_prob(x)

    with pytest.raises(AssertionError, match="untrained"):
        laws.an_untrained_model_refuses_to_score(build(Eager, SMALL, GLOW, 0))


def test_noise_that_is_drawn_anew_is_caught() -> None:
    class Noisy(Glow):
        def dequantize(self, x: Tensor) -> Tensor:
            return super().dequantize(x) + torch.rand(x.shape) / 256

    with pytest.raises(AssertionError, match="scores differ"):
        laws.scores_do_not_depend_on_the_batch(laws.displaced(build(Noisy, SMALL, GLOW, 0)))
