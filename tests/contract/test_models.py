"""Every registered model obeys the laws, and the laws catch the mistakes that models make."""

import math
from typing import ClassVar

import pytest
import torch
from torch import Tensor, nn

from ood_bench.capabilities import Decomposition, Estimates, LogProbEstimate, LogProbKind
from ood_bench.data import Shape
from ood_bench.errors import PluginError
from ood_bench.lit import DensityModule
from ood_bench.noise import normal_noise
from ood_bench.registry import Registry
from ood_bench.testing import (
    MODEL_LAWS,
    Law,
    ModelContract,
    ModelSubject,
    NotApplicable,
    Verdict,
    check_model,
)
from ood_bench_models.glow import Glow

GLOW: dict[str, object] = {"steps": 2, "width": 8}
PIXELCNN: dict[str, object] = {"layers": 3, "width": 8}
TARFLOW: dict[str, object] = {"patch": 2, "blocks": 2, "layers": 1, "width": 8, "heads": 2}
VAE: dict[str, object] = {"latent": 2, "channels": (4, 8), "samples": 3}
HVAE: dict[str, object] = {
    "levels": 2,
    "channels": (4, 8),
    "latents": (1, 2),
    "likelihood": "logistic_mixture",
    "components": 2,
}
DIFFUSION: dict[str, object] = {"channels": (4, 4), "samples": 2}
FLOW_MATCHING: dict[str, object] = {"channels": (11, 11), "tolerance": 1e-2, "exact_dims": 2}
CASES: dict[str, dict[str, dict[str, object]]] = {
    "diffusion": {
        "two scales": DIFFUSION,
    },
    "flow_matching": {
        "probes": FLOW_MATCHING,
    },
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
    "tarflow": {
        "patches": TARFLOW,
        "one pixel, one head": TARFLOW | {"patch": 1, "heads": 1, "blocks": 3},
    },
    "vae": {
        "categorical": VAE | {"likelihood": "categorical"},
        "logistic mixture": VAE | {"likelihood": "logistic_mixture", "components": 2},
        "Bernoulli": VAE | {"likelihood": "bernoulli"},
        "a map of latents": VAE | {"spatial": True, "smallest": 2, "blocks": 1, "latent": 2},
    },
}
ON_TWO_PIXELS: dict[str, dict[str, object]] = {
    "diffusion": {"channels": (4,), "samples": 4},
    "flow_matching": {"channels": (11,), "tolerance": 0.1},
    "glow": {"levels": 0},
    "hvae": {},
    "pixelcnn": {},
    "tarflow": {"patch": 1},
    "vae": {"channels": (4,)},
}
SHAPES = {"flow_matching": Shape(1, 2, 2)}
"""Images smaller than usual, for a model that takes long."""
EXACT = {"pixelcnn"}
"""Models of the 8-bit image itself, whose probabilities add up to one and not to less."""


def cases() -> list[object]:
    return [
        pytest.param(name, options, id=f"{name}, {case}")
        for name, found in CASES.items()
        for case, options in found.items()
    ]


@pytest.mark.parametrize("law", [pytest.param(law, id=law.name) for law in MODEL_LAWS])
@pytest.mark.parametrize(("name", "options"), cases())
def test_every_registered_model_obeys(
    name: str, options: dict[str, object], law: Law[ModelSubject]
) -> None:
    law.hold(
        ModelSubject.of(
            name,
            options,
            tiny_options=ON_TWO_PIXELS[name],
            exact=name in EXACT,
            shape=SHAPES.get(name),
        )
    )


def test_every_registered_density_has_a_case() -> None:
    registry = Registry()
    loaded = {name: registry.load("models", name) for name in registry.names("models")}
    ours = {
        name
        for name, model in loaded.items()
        if issubclass(model, DensityModule) and model.__module__.startswith("ood_bench_models")
    }
    # in tests/unit/test_float_density.py and tests/contract/test_diffusers_unet.py
    elsewhere = {"density", "diffusers_unet"}
    assert ours == CASES.keys() | elsewhere


class Normal(DensityModule):
    """Independent normal pixels: a right model, for what follows to get wrong."""

    def __init__(self, shape: Shape, *, width: float = 0.3) -> None:
        super().__init__(shape)
        self.mean = nn.Parameter(torch.full((shape.dims,), 0.5))
        self.log_width = nn.Parameter(torch.full((shape.dims,), math.log(width)))

    def log_prob(self, x: Tensor) -> Tensor:
        y = self.dequantize(x).flatten(1)
        normal = torch.distributions.Normal(self.mean, self.log_width.exp())
        return (normal.log_prob(y) - math.log(256)).sum(dim=1)


class TestByClass(ModelContract):
    """pytest collects the contract of a class."""

    model = Normal
    options: ClassVar = {"width": 0.4}


MASS = "probabilities_add_up_to_at_most_one"
LEAST = "random_images_cost_at_least_eight_bits"
TRAINED = "training_on_random_images_comes_near_eight_bits"
JACOBIAN = "volume_is_the_jacobian_of_encode"
SAMPLES = "samples_have_the_density_they_are_scored_with"


def verdict(law: str, model: type[DensityModule]) -> Verdict:
    glow = issubclass(model, Glow)
    subject = ModelSubject.of(
        model, GLOW if glow else {}, tiny_options=ON_TWO_PIXELS["glow"] if glow else {}
    )
    (found,) = (found for found in MODEL_LAWS if found.name == law)
    return found.judge(subject)


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


@pytest.mark.parametrize(
    "mistake",
    [LosesTheBinWidth, HasTheSignOfTheLogScaleWrong, TakesLog2ForLn, TakesTheMeanForTheSum],
)
def test_the_laws_of_probability_catch(mistake: type[Glow]) -> None:
    assert "failed" in {verdict(law, mistake).outcome for law in (MASS, LEAST, JACOBIAN, SAMPLES)}


class ReturnsBits(Normal):
    def log_prob(self, x: Tensor) -> Tensor:
        return super().log_prob(x) / math.log(2)


class ReturnsTheMeanOverDimensions(Normal):
    def log_prob(self, x: Tensor) -> Tensor:
        return super().log_prob(x) / self.shape.dims


class ReturnsTheDensity(Normal):
    def log_prob(self, x: Tensor) -> Tensor:
        return super().log_prob(x) + self.shape.dims * math.log(256)


class TakesTheBinWidthTwice(Normal):
    def log_prob(self, x: Tensor) -> Tensor:
        return super().log_prob(x) - self.shape.dims * math.log(256)


class ReturnsTheLoss(Normal):
    def log_prob(self, x: Tensor) -> Tensor:
        return -super().log_prob(x)


class ReturnsTheMeanOverImages(Normal):
    def log_prob(self, x: Tensor) -> Tensor:
        return super().log_prob(x).mean()


class DrawsNoise(Normal):
    def dequantize(self, x: Tensor) -> Tensor:
        return super().dequantize(x) + torch.rand(x.shape) / 256


class LooksAtTheBatch(Normal):
    def log_prob(self, x: Tensor) -> Tensor:
        return super().log_prob(x) - x.float().mean() / 256


class TakesFloats(Normal):
    def dequantize(self, x: Tensor) -> Tensor:
        return x.to(self.dtype) / 256


class Estimated(Normal, Estimates):
    """A log-density with noise of standard deviation 2, by four draws of standard deviation 4."""

    log_prob_is: ClassVar[LogProbKind] = "estimate"
    stated = 2.0

    def log_prob(self, x: Tensor) -> Tensor:
        return self.estimate(x).log_prob

    def estimate(self, x: Tensor, *, salt: int = 0) -> LogProbEstimate:
        draws = 4.0 * normal_noise(x, 4, salt).to(self.dtype)
        value = super().log_prob(x)
        return LogProbEstimate(value + draws.mean(dim=1), draws.std(dim=1) / self.stated)


class StatesTheErrorOfASum(Estimated):
    """The error is divided by K in place of √K."""

    stated = 4.0


class IgnoresTheSaltOfItsDraws(Estimated):
    def log_prob(self, x: Tensor) -> Tensor:
        return self.estimate(x, salt=1).log_prob


class HasAnIdleParameter(Normal):
    def __init__(self, shape: Shape) -> None:
        super().__init__(shape)
        self.idle = nn.Parameter(torch.zeros(3))


class KeepsItsScaleToItself(Normal):
    def __init__(self, shape: Shape) -> None:
        super().__init__(shape)
        self.shift = 0.1 * torch.rand(shape.dims)

    def log_prob(self, x: Tensor) -> Tensor:
        return super().log_prob(x) - self.shift.sum().to(self.dtype)


class SetsItselfUpWhenScoring(Normal):
    def log_prob(self, x: Tensor) -> Tensor:
        if not self.initialised:
            self.initialise(x)
            self.eval()
        return super().log_prob(x)


class Crashes(Normal):
    def log_prob(self, x: Tensor) -> Tensor:
        return super().log_prob(x).view(7)


@pytest.mark.parametrize(
    ("mistake", "law"),
    [
        (ReturnsBits, TRAINED),
        (TakesTheBinWidthTwice, TRAINED),
        (ReturnsTheMeanOverDimensions, MASS),
        (ReturnsTheMeanOverDimensions, LEAST),
        (ReturnsTheDensity, MASS),
        (ReturnsTheDensity, LEAST),
        (ReturnsTheLoss, LEAST),
        (ReturnsTheMeanOverImages, "log_prob_is_one_finite_number_an_image"),
        (DrawsNoise, "scores_do_not_change_from_call_to_call"),
        (LooksAtTheBatch, "scores_do_not_depend_on_the_batch"),
        (TakesFloats, "other_inputs_are_refused"),
        (TakesFloats, "an_untrained_model_refuses_to_score"),
        (HasAnIdleParameter, "every_parameter_gets_a_gradient"),
        (KeepsItsScaleToItself, "weights_survive_a_round_trip"),
        (SetsItselfUpWhenScoring, "an_untrained_model_refuses_to_score"),
        (Crashes, "log_prob_is_one_finite_number_an_image"),
    ],
)
def test_the_laws_catch(mistake: type[DensityModule], law: str) -> None:
    assert verdict(law, Normal).outcome == "passed"
    found = verdict(law, mistake)
    assert found.outcome == "failed"
    assert found.advice


REPEATS = "repeats_of_an_estimate_agree_within_its_error"


def test_an_estimate_is_held_to_its_stated_error() -> None:
    assert verdict(REPEATS, Normal).says == "its log_prob is no estimate but bound"
    assert verdict(REPEATS, Estimated).outcome == "passed"
    assert "where" in verdict(REPEATS, StatesTheErrorOfASum).says
    said = "the estimate by the draws of salt 0 is not log_prob"
    assert verdict(REPEATS, IgnoresTheSaltOfItsDraws).says == said


def test_log_prob_in_bits_is_recognised() -> None:
    said = verdict(TRAINED, ReturnsBits).says
    assert "11.54 is what log_prob in bits in place of nats gives" in said


def test_a_crash_is_told_with_its_line() -> None:
    said = verdict("log_prob_is_one_finite_number_an_image", Crashes).says
    assert said.startswith("RuntimeError: shape '[7]' is invalid")
    assert "test_models.py, line" in said


class HasMethods(Normal):
    def encode(self, y: Tensor) -> Tensor:
        return y.flatten(1)

    def decode(self, z: Tensor) -> Tensor:
        return z.view(-1, *self.shape)


def test_laws_that_do_not_apply_are_skipped_with_the_reason() -> None:
    assert verdict(JACOBIAN, Normal).says == "Normal does not name Encodes"
    found = verdict(JACOBIAN, HasMethods)
    assert found.outcome == "skipped"
    assert "has encode, decode but does not name Encodes" in found.says


def test_a_check_tells_every_law_and_how_fast_the_model_is() -> None:
    *found, speed = check_model(ModelSubject.of(Normal))
    assert [verdict.law for verdict in found] == [law.name for law in MODEL_LAWS]
    assert {verdict.outcome for verdict in found} == {"passed", "skipped"}
    assert speed.outcome == "measured"
    assert "images of 1×28×28 scored per second" in speed.says


def test_a_model_that_takes_no_two_pixels_says_so() -> None:
    subject = ModelSubject.of("glow", GLOW)
    with pytest.raises(NotApplicable, match="no images of two pixels .Glow with levels=2 needs"):
        subject.two_pixels()
    assert subject.shape == Shape(1, 4, 4)


def test_what_is_no_density_is_refused_with_advice() -> None:
    with pytest.raises(PluginError, match="derive it from ood_bench.lit.DensityModule"):
        ModelSubject.of(nn.Linear)
    with pytest.raises(PluginError, match="'classifier' is no DensityModule"):
        ModelSubject.of("classifier")
