"""Flow matching: its estimate, denoiser and samples against closed forms, with exact velocities."""

import math
from functools import partial

import pytest
import torch
from tests.gaussian import normal_images
from torch import Tensor
from torch.distributions import Normal

from ood_bench.capabilities import Decomposition
from ood_bench.data import Shape
from ood_bench.errors import PluginError
from ood_bench.lit import build
from ood_bench.noise import mutated
from ood_bench.registry import construct
from ood_bench.testing import MODEL_LAWS, ModelSubject, displaced, random_images
from ood_bench_models.flow_matching import FlowMatching

SHAPE = Shape(2, 4, 4)
gaussian_images = partial(normal_images, SHAPE)
BITS = SHAPE.dims * math.log(2)
"""Nats of one bit per dimension."""


def small(kind: type[FlowMatching] = FlowMatching, **options: object) -> FlowMatching:
    """Return an untrained model in float64: the velocity of Gaussian images alone."""
    model = build(kind, SHAPE, {"channels": (4, 6)} | options, 0)
    model.initialise(gaussian_images(500))
    return model.double().eval()


class OfMixture(FlowMatching):
    """The best velocity for a mixture of three Gaussians, whose components are far apart."""

    widths = torch.tensor([0.1, 0.2, 0.4], dtype=torch.float64)

    @property
    def means(self) -> Tensor:
        generator = torch.Generator().manual_seed(1)
        return torch.rand(3, SHAPE.dims, generator=generator, dtype=torch.float64) - 0.5

    def weighed(self, x: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        """Return log p_t(x) of each component, `(B, 3)`, less ln 3, and its variance."""
        at = t.view(-1, 1)
        variance = (1 - at).square() + (at * self.widths).square()
        distance = (x.flatten(1)[:, None] - at[:, None] * self.means).square().sum(dim=2)
        size = -0.5 * SHAPE.dims * (2 * math.pi * variance).log() - 0.5 * distance / variance
        return size - math.log(3), variance

    def velocity(self, x: Tensor, t: Tensor) -> Tensor:
        log_weights, variance = self.weighed(x, t)
        at = t.view(-1, 1)
        slope = (at * self.widths.square() - (1 - at)) / variance
        centred = x.flatten(1)[:, None] - at[:, None] * self.means
        found = log_weights.softmax(dim=1)[:, :, None] * (self.means + slope[:, :, None] * centred)
        return found.sum(dim=1).view(x.shape)

    def exact(self, x: Tensor) -> Tensor:
        """Return log p of the dequantized image, less D·ln 256."""
        image = 2 * self.dequantize(x) - 1
        log_density = self.weighed(image, torch.ones(len(x), dtype=torch.float64))[0]
        return log_density.logsumexp(dim=1) - SHAPE.dims * math.log(128)


def mixture_images(n: int = 24) -> Tensor:
    """Return images of each component, and some between two of them."""
    model = OfMixture(SHAPE)
    generator = torch.Generator().manual_seed(2)
    noise = torch.randn(n, SHAPE.dims, generator=generator, dtype=torch.float64)
    which = torch.arange(n) % 3
    image = model.means[which] + model.widths[which][:, None] * noise
    image[n // 2 :] = (image[n // 2 :] + model.means[0]) / 2
    levels = ((image.clamp(-1, 0.999) + 1) * 128).to(torch.uint8)
    return levels.view(n, *SHAPE)


@pytest.mark.parametrize("exact_dims", [0, 64])
@torch.no_grad()
def test_the_estimate_is_the_likelihood_of_normal_pixels(exact_dims: int) -> None:
    model, x = small(exact_dims=exact_dims), gaussian_images(6, seed=1)
    image = 2 * model.dequantize(x) - 1
    exact = Normal(model.mean, model.std).log_prob(image).sum(dim=(1, 2, 3))
    found = model.estimate(x)
    assert ((found.log_prob - (exact - SHAPE.dims * math.log(128))).abs() < 0.01 * BITS).all()
    assert (found.error < 1e-9 * BITS).all()
    noise = (image - model.mean) / model.std
    log_prior = Normal(0.0, 1.0).log_prob(noise).sum(dim=(1, 2, 3))
    assert torch.allclose(model.decompose(x).log_prior, log_prior, atol=0.01 * BITS)


@torch.no_grad()
def test_the_estimate_is_the_likelihood_of_a_mixture() -> None:
    model, x = small(OfMixture, tolerance=1e-5), mixture_images()
    assert isinstance(model, OfMixture)
    assert ((model.log_prob(x) - model.exact(x)).abs() < 0.01 * BITS).all()


@torch.no_grad()
def test_probes_are_right_on_average_and_state_their_error() -> None:
    model, x = small(OfMixture, exact_dims=0, probes=4, tolerance=1e-4), mixture_images(12)
    assert isinstance(model, OfMixture)
    found = [model.estimate(x, salt=salt) for salt in range(12)]
    values, errors = (torch.stack(column) for column in zip(*found, strict=True))
    assert (errors[:, len(x) // 2 :].mean(dim=0) > 1e-3).any()
    tolerance = 1e-3 * BITS
    assert ((values.mean(dim=0) - model.exact(x)).abs() < values.std(dim=0) + tolerance).all()
    spread, stated = values.var(dim=0).mean().sqrt(), errors.square().mean().sqrt()
    assert float(spread) == pytest.approx(float(stated), rel=0.2)


@torch.no_grad()
def test_a_smaller_tolerance_comes_closer() -> None:
    x, errors = mixture_images(9), []
    for tolerance in (1e-1, 1e-3, 1e-5):
        model = small(OfMixture, tolerance=tolerance)
        assert isinstance(model, OfMixture)
        errors.append(float((model.log_prob(x) - model.exact(x)).abs().max()))
    assert errors[0] > 3 * errors[1] > 9 * errors[2]


@torch.no_grad()
def test_float32_gives_the_same_to_its_precision() -> None:
    model = displaced(build(FlowMatching, SHAPE, {"channels": (11, 11), "exact_dims": 0}, 0))
    x = random_images(SHAPE, 6)
    found = model.log_prob(x)
    assert found.dtype == torch.float32
    assert torch.allclose(found.double(), model.double().log_prob(x), atol=1e-3 * BITS)


@torch.no_grad()
def test_other_draws_of_dequantization_take_other_probes() -> None:
    model, x = small(OfMixture, exact_dims=0), mixture_images()
    first = model._signs(x, 0)
    model.draw = 7
    assert not torch.equal(model._signs(x, 0), first)


@torch.no_grad()
def test_denoising_gives_the_posterior_mean_of_a_mixture() -> None:
    model = small(OfMixture)
    assert isinstance(model, OfMixture)
    y = torch.rand(3, *SHAPE, dtype=torch.float64)
    sigma = torch.tensor([model.noise_levels[0], 0.1, model.noise_levels[1]], dtype=torch.float64)
    spread = (2 * sigma).view(-1, 1)
    variance = spread.square() + model.widths.square()
    centred = (2 * y - 1).flatten(1)[:, None] - model.means
    log_weights = -0.5 * centred.square().sum(dim=2) / variance - SHAPE.dims / 2 * variance.log()
    kept = (model.widths.square() / variance)[:, :, None]
    posterior = model.means + kept * centred
    expected = (log_weights.softmax(dim=1)[:, :, None] * posterior).sum(dim=1).view(y.shape)
    assert torch.allclose(model.denoise(y, sigma), (expected + 1) / 2, atol=1e-10)


@torch.no_grad()
def test_the_noise_of_normal_pixels_is_standardised() -> None:
    model, x = small(tolerance=1e-6), gaussian_images(6, seed=1)
    y = model.dequantize(x)
    expected = ((2 * y - 1 - model.mean) / model.std).flatten(1)
    assert torch.allclose(model.to_noise(y), expected, atol=1e-4)
    assert torch.allclose(model.decode(expected), y, atol=1e-4)


def test_noise_and_its_jacobian_give_the_density_of_a_mixture() -> None:
    model, x = small(OfMixture, tolerance=1e-6), mixture_images(4)
    assert isinstance(model, OfMixture)
    y = model.dequantize(x)
    for image, exact in zip(y, model.exact(x), strict=True):
        jacobian = torch.autograd.functional.jacobian(  # type: ignore[no-untyped-call]  # as torch has it
            lambda flat: model.to_noise(flat.view(1, *SHAPE))[0], image.flatten()
        )
        volume = torch.linalg.slogdet(jacobian).logabsdet - SHAPE.dims * math.log(256)
        log_prior = Normal(0.0, 1.0).log_prob(model.to_noise(image[None])).sum()
        assert float(log_prior + volume) == pytest.approx(float(exact), abs=1e-3 * BITS)


@torch.no_grad()
def test_samples_are_those_of_the_mixture() -> None:
    model = small(OfMixture)
    assert isinstance(model, OfMixture)
    y = model.sample(300, seed=1)
    image = 2 * y - 1
    which = model.weighed(image, torch.ones(300, dtype=torch.float64))[0].argmax(dim=1)
    distance = image.flatten(1)[:, None] - model.means
    for component, width in enumerate(model.widths.tolist()):
        own = distance[which == component, component]
        assert 60 < len(own) < 140
        assert float(own.std()) == pytest.approx(width, rel=0.05)
    assert torch.equal(y, model.sample(300, seed=1))


def test_training_finds_the_velocity_of_a_mixture() -> None:
    """Of two constant gray images, whose velocity no Gaussian has."""
    model = build(FlowMatching, Shape(1, 2, 2), {"channels": (16,)}, 0)
    x = torch.tensor([60, 190], dtype=torch.uint8).repeat(32)[:, None, None, None]
    x = x.expand(64, 1, 2, 2).contiguous()
    model.initialise(x)
    model.log = lambda *_, **__: None  # type: ignore[method-assign]  # no trainer listens
    with torch.no_grad():
        before = model.eval().log_prob(x).mean()
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    for step in range(150):
        model.train().salt.fill_(step)
        optimizer.zero_grad()
        model.loss(x).backward()  # type: ignore[no-untyped-call]  # torch gives it no types
        optimizer.step()
    with torch.no_grad():
        gained = (model.eval().log_prob(x).mean() - before) / 4 / math.log(2)
    assert gained > 1.0


def test_training_draws_times_evenly_over_a_batch() -> None:
    model, x = small().train(), random_images(SHAPE, 10)
    times = model._times(x).sort().values
    assert torch.allclose(times.diff(), torch.tensor(0.1, dtype=torch.float64), atol=1e-6)
    first = times[0].clone()
    model.salt.fill_(5)
    assert model._times(x).min() != first


def test_the_loss_mutates_images_as_the_recipe_says(monkeypatch: pytest.MonkeyPatch) -> None:
    model, x = small().train(), random_images(SHAPE, 4)
    model.log = lambda *_, **__: None  # type: ignore[method-assign]  # no trainer listens
    plain = model.loss(x)
    monkeypatch.setattr(model, "mutate", lambda batch: mutated(batch, 0.5, 1))
    assert model.loss(x) != plain
    assert model.loss(mutated(x, 0.0, 1)) != plain


class ScalesItsNoise(FlowMatching):
    def to_noise(self, y: Tensor) -> Tensor:
        return 1.5 * super().to_noise(y)


class LosesTheBinWidth(FlowMatching):
    def decompose(self, x: Tensor) -> Decomposition:
        log_prior, log_volume = super().decompose(x)
        return Decomposition(log_prior, log_volume + self.shape.dims * math.log(256))


class DecodesToTheOtherScale(FlowMatching):
    def decode(self, z: Tensor) -> Tensor:
        return 2 * super().decode(z) - 1


@pytest.mark.parametrize(
    ("mistake", "law"),
    [
        (ScalesItsNoise, "noise_has_the_density_of_the_image"),
        (LosesTheBinWidth, "volume_is_the_jacobian_of_encode"),
        (DecodesToTheOtherScale, "decode_inverts_encode"),
    ],
)
def test_laws_of_latents_hold_an_estimate_to_its_error(
    mistake: type[FlowMatching], law: str
) -> None:
    options = {"channels": (11,), "tolerance": 1e-2, "exact_dims": 0}
    (found,) = (found for found in MODEL_LAWS if found.name == law)
    right, wrong = (
        found.judge(ModelSubject.of(kind, options, shape=Shape(1, 2, 2)))
        for kind in (FlowMatching, mistake)
    )
    assert (right.outcome, wrong.outcome) == ("passed", "failed")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"channels": (4, 4, 4, 4)}, "4 scales needs a height and width divisible by 8"),
        ({"channels": ()}, "channels of at least one number"),
        ({"tolerance": 0.0}, "tolerance between 0 and 1, got 0"),
        ({"probes": 1}, "probes >= 2"),
    ],
)
def test_wrong_options_are_refused(options: dict[str, object], said: str) -> None:
    with pytest.raises(PluginError, match=said):
        construct(FlowMatching, "flow_matching", options, SHAPE)
