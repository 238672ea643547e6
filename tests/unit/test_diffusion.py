"""The diffusion model: its bound against closed forms, its estimate against the plain one."""

import math
from functools import partial

import pytest
import torch
from tests.gaussian import bits_lost, normal_images
from torch import Tensor
from torch.distributions import Normal, kl_divergence

from ood_bench.data import Shape
from ood_bench.errors import PluginError
from ood_bench.lit import build
from ood_bench.registry import construct
from ood_bench.testing import displaced, random_images
from ood_bench_models.diffusion import Diffusion

SHAPE = Shape(2, 4, 4)
gaussian_images = partial(normal_images, SHAPE)


def small(**options: object) -> Diffusion:
    """Return an untrained model in float64: the linear denoiser alone."""
    given: dict[str, object] = {"channels": (4, 6), "samples": 2} | options
    model = build(Diffusion, SHAPE, given, 0)
    model.initialise(gaussian_images(500))
    return model.double().eval()


def marginal(model: Diffusion, gamma: float) -> tuple[float, float, Normal]:
    """Return α, σ, and the distribution of z_t for normal pixels."""
    alpha, sigma = (1 + math.exp(gamma)) ** -0.5, (1 + math.exp(-gamma)) ** -0.5
    return alpha, sigma, Normal(alpha * model.mean, (alpha**2 * model.std**2 + sigma**2).sqrt())


@torch.no_grad()
def test_the_divergence_of_a_linear_denoiser_is_that_of_gaussians() -> None:
    """Its reverse process takes the marginal at t = 1 to that at t = 0, with normal pixels."""
    model, x = small(), gaussian_images(20, seed=1)
    scaled = x.double() / 127.5 - 1

    def divergence(gamma: float, of: Normal | None = None) -> Tensor:
        alpha, sigma, prior = marginal(model, gamma)
        found = kl_divergence(Normal(alpha * scaled, sigma), of or prior)
        return found.sum(dim=(1, 2, 3))

    expected = divergence(model.least)
    expected += divergence(model.most, Normal(0.0, 1.0)) - divergence(model.most)
    assert torch.allclose(model.elbo_terms(x).kl, expected, rtol=1e-9)


@torch.no_grad()
def test_the_bound_is_the_likelihood_of_normal_pixels() -> None:
    """With noise as wide as a level at t = 0, which hides that pixels are whole numbers."""
    model, x = small(log_snr=(-5.0, 9.7)), gaussian_images(500, seed=1)
    assert abs(bits_lost(model, x)) < 0.01


@torch.no_grad()
def plain_divergence(model: Diffusion, x: Tensor, *, strata: int, draws: int) -> Tensor:
    """Return KL(q(z_1|x) ‖ p) and the integral as the paper has them, `(draws, B)`."""
    generator = torch.Generator().manual_seed(0)
    scaled = x.double() / 127.5 - 1
    width = (model.most - model.least) / strata
    rows = []
    for _ in range(draws):
        total = torch.zeros(len(x), dtype=torch.float64)
        for stratum in range(strata):
            at = stratum + torch.rand(len(x), generator=generator, dtype=torch.float64)
            gamma = model.least + width * at
            alpha, sigma = torch.sigmoid(-gamma).sqrt(), torch.sigmoid(gamma).sqrt()
            noise = torch.randn(x.shape, generator=generator, dtype=torch.float64)
            z = alpha.view(-1, 1, 1, 1) * scaled + sigma.view(-1, 1, 1, 1) * noise
            y = (z / alpha.view(-1, 1, 1, 1) + 1) / 2
            s = sigma / alpha / 2
            found = (y - model.denoise(y, s)) / s.view(-1, 1, 1, 1)
            total += 0.5 * width * (noise - found).square().sum(dim=(1, 2, 3))
        rows.append(total)
    alpha, sigma, _ = marginal(model, model.most)
    prior = kl_divergence(Normal(alpha * scaled, sigma), Normal(0.0, 1.0)).sum(dim=(1, 2, 3))
    return torch.stack(rows) + prior


@pytest.mark.parametrize("fourier", [True, False])
def test_the_estimate_has_the_expectation_of_the_plain_one_and_varies_less(fourier: bool) -> None:
    options: dict[str, object] = {"channels": (4, 6), "samples": 400, "fourier": fourier}
    model = displaced(build(Diffusion, SHAPE, options, 0), scale=0.1)
    model, x = model.double(), random_images(SHAPE, 6)
    plain = plain_divergence(model, x, strata=20, draws=100)
    mean, error = plain.mean(dim=0), plain.std(dim=0) / 10
    with torch.no_grad():
        found = model.elbo_terms(x).kl
        model.samples = 20
        twenty = torch.stack([model.elbo_terms(x.roll(k, 0)).kl.roll(-k, 0) for k in (0, 1)])
    assert ((found - mean).abs() < 5 * error).all()
    assert torch.equal(*twenty)
    assert ((twenty[0] - found).abs() < plain.std(dim=0)).all()


@torch.no_grad()
def test_denoising_gives_the_posterior_mean_of_normal_pixels() -> None:
    model = small()
    y = torch.rand(3, *SHAPE, dtype=torch.float64)
    sigma = torch.tensor([model.noise_levels[0], 0.1, model.noise_levels[1]], dtype=torch.float64)
    mean, variance = (model.mean + 1) / 2, (model.std / 2).square()
    weight = variance / (variance + sigma.square().view(-1, 1, 1, 1))
    assert torch.allclose(model.denoise(y, sigma), mean + weight * (y - mean), atol=1e-12)


def test_training_draws_noise_levels_evenly_over_a_batch() -> None:
    model, x = small(), random_images(SHAPE, 10)
    levels = model.train()._levels(x, model.salt, 0, 1)
    places = ((levels - model.least) / (model.most - model.least)).sort().values
    assert torch.allclose(places.diff(), torch.tensor(0.1, dtype=torch.float64), atol=1e-6)


@torch.no_grad()
def test_samples_of_the_linear_denoiser_are_normal_pixels() -> None:
    model = small()
    y = model.sample(300, seed=1)
    assert torch.equal(y, model.sample(300, seed=1))
    mean, std = (y * 256).mean(dim=(0, 2, 3)), (y * 256).std(dim=(0, 2, 3))
    assert torch.allclose(mean, torch.full((2,), 110.5, dtype=torch.float64), atol=3.0)
    assert torch.allclose(std, torch.full((2,), 30.0, dtype=torch.float64), rtol=0.06)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"channels": (4, 4, 4, 4)}, "4 scales needs a height and width divisible by 8"),
        ({"log_snr": (13.3, -5.0)}, "log_snr in rising order"),
        ({"samples": 0}, "samples >= 1"),
    ],
)
def test_wrong_options_are_refused(options: dict[str, object], said: str) -> None:
    with pytest.raises(PluginError, match=said):
        construct(Diffusion, "diffusion", options, SHAPE)
