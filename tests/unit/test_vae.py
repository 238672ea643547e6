"""The VAE: its bound against closed forms and quadrature, and the noise that it draws."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.distributions import MultivariateNormal, Normal, kl_divergence

from ood_bench.data import Shape
from ood_bench.errors import PluginError
from ood_bench.lit import build
from ood_bench.noise import normal_noise, uniform_noise
from ood_bench.registry import construct, resolve_options
from ood_bench.statistics.elbo import Elbo
from ood_bench.statistics.log_prob import LogProb
from ood_bench_models import vae as vae_module
from ood_bench_models.importance import Posterior, importance_bound
from ood_bench_models.pixels import PixelDistribution
from ood_bench_models.vae import VAE
from ood_bench_models.vae_networks import feature_shapes

SHAPE = Shape(1, 2, 3)
LATENT = 2
STD = 0.5


def images(n: int, shape: Shape = SHAPE, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(256, (n, *shape), dtype=torch.uint8, generator=generator)


class GaussianPixels(PixelDistribution):
    """log-densities of x / 255 under N(parameters, STD²): no probabilities, but a closed form."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels)
        self.parameters = channels

    def log_conditionals(self, parameters: Tensor, x: Tensor) -> Tensor:
        return Normal(parameters, STD).log_prob(x / 255)

    def mean(self, parameters: Tensor) -> Tensor:
        return 255 * parameters

    def sample(self, parameters: Tensor, uniform: Tensor, *, temperature: float = 1.0) -> Tensor:
        raise NotImplementedError


class LinearGaussian:
    """x / 255 = W z + b + STD · noise, with orthogonal columns in W: p(x) and q(z|x) are exact."""

    def __init__(self) -> None:
        generator = torch.Generator().manual_seed(1)
        square = torch.randn(SHAPE.dims, SHAPE.dims, generator=generator, dtype=torch.float64)
        self.W = torch.linalg.qr(square).Q[:, :LATENT] * torch.tensor([0.7, 1.1])
        self.b = torch.full((SHAPE.dims,), 0.5, dtype=torch.float64)
        covariance = self.W @ self.W.T + STD**2 * torch.eye(SHAPE.dims)
        self.p = MultivariateNormal(self.b, covariance)

    def log_prob(self, x: Tensor) -> Tensor:
        return self.p.log_prob(x.flatten(1) / 255)

    def decode(self, z: Tensor) -> Tensor:
        return (z @ self.W.T + self.b).view(-1, *SHAPE)

    def encode(self, y: Tensor) -> Posterior:
        precision = 1 + self.W.square().sum(dim=0) / STD**2
        mean = ((y.flatten(1) + 1) / 2 - self.b) @ self.W / STD**2 / precision
        return Posterior(mean, -0.5 * precision.log().expand_as(mean))


class Wrapped(nn.Module):
    """A function as a module."""

    def __init__(self, function: Callable[..., object]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> object:
        return self.function(x)


def linear_vae(encode: Callable[[Tensor], Posterior], samples: int = 1) -> VAE:
    """Return a VAE whose networks are those of the linear model, with a posterior of choice."""
    vae = build(VAE, SHAPE, {"latent": LATENT, "samples": samples}, 0).double()
    vae.encoder = Wrapped(encode)
    vae.decoder = Wrapped(LinearGaussian().decode)
    vae.pixels = GaussianPixels(1)
    vae.initialised.fill_(value=True)
    return vae.eval()


def too_wide(y: Tensor) -> Posterior:
    mean, log_std = LinearGaussian().encode(y)
    return Posterior(mean + 0.1, log_std + math.log(1.5))


def small_vae(likelihood: str, shape: Shape = SHAPE, **options: object) -> VAE:
    """Return a VAE with few channels, moved off its initialisation."""
    options = {"latent": 3, "channels": (4, 8), "likelihood": likelihood} | options
    vae = build(VAE, shape, options, 0)
    vae.initialise(images(8, shape))
    generator = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for parameter in vae.parameters():
            parameter += 0.05 * torch.randn(parameter.shape, generator=generator)
    return vae.eval()


def test_the_bound_is_exact_for_one_draw_from_the_exact_posterior() -> None:
    x = images(20)
    exact = LinearGaussian()
    got = linear_vae(exact.encode).log_prob(x)
    assert got.tolist() == pytest.approx(exact.log_prob(x).tolist(), rel=1e-6)


def test_the_elbo_of_the_exact_posterior_is_log_p_on_average() -> None:
    x = images(4000)
    exact = LinearGaussian()
    reconstruction, kl = linear_vae(exact.encode).elbo_terms(x)
    gaps = reconstruction - kl - exact.log_prob(x)
    assert abs(float(gaps.mean())) < 5 * float(gaps.std()) / math.sqrt(len(x))


def test_a_wrong_posterior_gives_a_bound_that_rises_to_log_p_with_more_draws() -> None:
    x = images(1000)
    exact = LinearGaussian().log_prob(x)
    gaps = {K: linear_vae(too_wide, K).log_prob(x) - exact for K in (1, 2, 4, 16, 64, 256)}
    for fewer, more in zip(list(gaps)[:-1], list(gaps)[1:], strict=True):
        rise = gaps[more] - gaps[fewer]
        assert float(rise.mean()) > -3 * float(rise.std()) / math.sqrt(len(x))
    for gap in gaps.values():
        assert float(gap.mean()) < 3 * float(gap.std()) / math.sqrt(len(x))
    assert float(gaps[1].mean()) < -0.2
    assert abs(float(gaps[256].mean() / exact.mean())) < 0.001


def test_one_draw_of_the_bound_is_the_elbo_in_expectation() -> None:
    x = images(4000)
    vae = linear_vae(too_wide)
    reconstruction, kl = vae.elbo_terms(x)
    differences = vae.log_prob(x) - (reconstruction - kl)
    assert float(differences.std()) > 0.1
    assert abs(float(differences.mean())) < 4 * float(differences.std()) / math.sqrt(len(x))


def test_the_kl_is_that_of_torch() -> None:
    mean, log_std = torch.randn(2, 5, 3, dtype=torch.float64).unbind()
    q = Normal(mean, log_std.exp())
    expected = kl_divergence(q, Normal(torch.zeros(()), 1.0)).sum(dim=1)
    assert Posterior(mean, log_std).kl().tolist() == pytest.approx(expected.tolist())


def test_draws_are_weighed_by_the_prior_over_the_posterior() -> None:
    mean, log_std = torch.randn(2, 5, 3, dtype=torch.float64).unbind()
    posterior, noise = Posterior(mean, log_std), torch.randn(5, 4, 3, dtype=torch.float64)
    z = posterior.draw(noise)
    q = Normal(mean[:, None], log_std.exp()[:, None])
    expected = (Normal(0.0, 1.0).log_prob(z) - q.log_prob(z)).sum(dim=2)
    assert posterior.log_ratio(noise).flatten().tolist() == pytest.approx(
        expected.flatten().tolist()
    )
    log_weights = torch.tensor([[math.log(1.0), math.log(3.0)]]) - 2000
    assert importance_bound(log_weights).tolist() == pytest.approx([math.log(2.0) - 2000])


def test_training_maximises_the_elbo_with_noise_of_the_step() -> None:
    vae, x = small_vae("bernoulli").train(), images(8)
    reconstruction, kl = vae.elbo_terms(x)
    assert torch.equal(vae.log_prob(x), reconstruction - kl)
    vae.salt.fill_(1)
    assert not torch.equal(vae.elbo_terms(x).reconstruction, reconstruction)
    assert torch.equal(vae.elbo_terms(x).kl, kl)
    vae.eval()
    expected = vae.log_prob(x)
    vae.salt.fill_(2)
    assert torch.equal(vae.log_prob(x), expected)


def exact_table(vae: VAE) -> Tensor:
    """Return log P of all images of two pixels, `(256, 256)`, summed over a grid of latents."""
    z = torch.linspace(-7, 7, 701, dtype=torch.float64)[:, None]
    parameters = vae.decoder(z).repeat_interleave(256, dim=0)
    x = torch.arange(256, dtype=torch.uint8).view(-1, 1, 1, 1).repeat(len(z), 2, 1, 1)
    conditionals = vae.pixels.log_conditionals(parameters, x).exp().view(len(z), 256, 2)
    first, second = conditionals.unbind(dim=2)
    prior = (-0.5 * z.square()).exp()
    return ((prior / prior.sum() * first).T @ second).log()


@pytest.fixture(scope="module")
def two_pixels() -> VAE:
    """A VAE of one latent and two pixels, whose distribution is far from uniform."""
    options = {"latent": 1, "channels": (16,), "samples": 1000}
    vae = small_vae("bernoulli", Shape(2, 1, 1), **options).double()
    with torch.no_grad():
        vae.get_parameter("decoder.pixels.weight").mul_(20.0)
    return vae


@torch.no_grad()
def test_the_bound_approaches_the_sum_over_latents(two_pixels: VAE) -> None:
    x = images(20, Shape(2, 1, 1))
    table = exact_table(two_pixels)
    assert float(table.exp().sum()) == pytest.approx(1.0)
    assert float(table.std()) > 0.5
    expected = table[x[:, 0, 0, 0].long(), x[:, 1, 0, 0].long()]
    gaps = two_pixels.log_prob(x) - expected
    assert float(gaps.abs().max()) < 0.2
    assert abs(float(gaps.mean())) < 0.02


@torch.no_grad()
def test_samples_have_the_probabilities_of_the_model(two_pixels: VAE) -> None:
    n = 10_000
    y = two_pixels.sample(n, seed=3)
    assert float((y * 256 - 0.5 - (y * 256).floor()).abs().max()) == 0
    levels = (y * 256).long()
    table = exact_table(two_pixels)
    log_probs = table[levels[:, 0, 0, 0], levels[:, 1, 0, 0]]
    expected = float((table.exp() * table).sum())
    error = float(log_probs.std()) / math.sqrt(n)
    assert float(log_probs.mean()) == pytest.approx(expected, abs=5 * error)


@torch.no_grad()
def test_a_temperature_of_zero_draws_from_the_middle_of_the_prior(two_pixels: VAE) -> None:
    n = 5_000
    cold = two_pixels.sample(n, temperature=0.0).mean(dim=0)
    middle = two_pixels.decoder(torch.zeros(n, 1, dtype=torch.float64))
    uniform = torch.rand(n, 3, 1, 1, generator=torch.Generator().manual_seed(0)).double()
    expected = (two_pixels.pixels.sample(middle, uniform) / 256).mean(dim=0) + 0.5 / 256
    assert cold.flatten().tolist() == pytest.approx(expected.flatten().tolist(), abs=0.03)


@pytest.mark.parametrize("likelihood", ["categorical", "logistic_mixture", "bernoulli"])
@pytest.mark.parametrize(
    "shape", [Shape(2, 1, 1), Shape(1, 4, 4), Shape(3, 5, 1), Shape(1, 28, 28), Shape(3, 32, 32)]
)
@torch.no_grad()
def test_images_of_any_size_are_scored_and_drawn(likelihood: str, shape: Shape) -> None:
    vae = build(VAE, shape, {"likelihood": likelihood, "samples": 2}, 0)
    vae.initialise(images(2, shape))
    vae.eval()
    assert vae.decoder(torch.zeros(1, 50)).shape[2:] == shape[1:]
    assert vae.log_prob(images(2, shape)).isfinite().all()
    assert vae.sample(2).shape == (2, *shape)


def test_sides_are_halved_until_they_are_four_or_less() -> None:
    shapes = feature_shapes(Shape(3, 32, 7), (8, 16, 32, 64, 64))
    assert [shape[1:] for shape in shapes] == [(16, 4), (8, 4), (4, 4), (4, 4), (4, 4)]


@torch.no_grad()
def test_spatial_latents_stay_where_they_are() -> None:
    options = {"latent": 2, "channels": [4, 4], "spatial": True, "smallest": 16, "blocks": 1}
    vae = build(VAE, Shape(1, 32, 32), options, 0)
    assert vae.latent == 2 * 16 * 16
    z = torch.zeros(2, 2, 16, 16)
    z[1, :, 0, 0] = 3.0
    first, second = vae.reconstruct(z.flatten(1))
    changed = (first - second).abs()
    assert changed[:, :8, :8].max() > 0
    assert changed[:, 20:, :].max() == changed[:, :, 20:].max() == 0
    corner = torch.full((2, 1, 32, 32), 99, dtype=torch.uint8)
    corner[1, :, 0, 0] = 200
    vae.initialise(corner)
    posterior = vae.posterior(corner)
    assert not posterior.log_std.any()  # informative from the first step
    mean = posterior.mean.view(2, 2, 16, 16)
    assert (mean[0] != mean[1])[:, 0, 0].all()
    assert torch.equal(mean[0, :, 10:, 10:], mean[1, :, 10:, 10:])


@torch.no_grad()
def test_decoding_a_few_at_a_time_changes_no_score(monkeypatch: pytest.MonkeyPatch) -> None:
    vae, x = small_vae("categorical", samples=5).double(), images(7)
    expected, drawn = vae.log_prob(x), vae.sample(9)
    monkeypatch.setitem(vae_module.PARAMETERS_AT_ONCE, "cpu", 3 * 256 * SHAPE.dims)
    assert vae.log_prob(x).tolist() == pytest.approx(expected.tolist(), rel=1e-12)
    assert torch.equal(vae.sample(9), drawn)


@torch.no_grad()
def test_far_out_posteriors_give_finite_scores() -> None:
    vae = small_vae("logistic_mixture")
    vae.get_parameter("encoder.posterior.weight").mul_(1e4)
    assert vae.log_prob(images(8)).isfinite().all()


def test_options_are_json_and_come_back() -> None:
    resolved = resolve_options(VAE, "vae", {"channels": [4, 8], "likelihood": "bernoulli"})
    assert resolved == {
        "latent": 50,
        "channels": [4, 8],
        "likelihood": "bernoulli",
        "components": 5,
        "samples": 16,
    }
    assert construct(VAE, "vae", resolved, SHAPE).samples == 16
    for wrong in (
        {"channels": []},
        {"channels": [0]},
        {"latent": 0},
        {"samples": 0},
        {"smallest": 0},
        {"blocks": -1},
    ):
        with pytest.raises(PluginError, match="VAE needs latent"):
            construct(VAE, "vae", wrong, SHAPE)


@torch.no_grad()
def test_the_statistic_has_the_models_elbo_and_its_terms() -> None:
    vae, x = small_vae("bernoulli", samples=512), images(30)
    columns = Elbo().compute(x.numpy(), vae)
    assert tuple(columns) == ("elbo", "reconstruction", "kl")
    reconstruction, kl = vae.elbo_terms(x)
    assert columns["reconstruction"] == pytest.approx(reconstruction.numpy(), rel=1e-6)
    assert columns["kl"] == pytest.approx(kl.numpy(), rel=1e-5)
    assert (columns["elbo"] == columns["reconstruction"] - columns["kl"]).all()
    log_prob = LogProb().compute(x.numpy(), vae)["log_prob"]
    assert log_prob.mean() > columns["elbo"].mean()


def test_the_statistic_refuses_a_model_without_posterior() -> None:
    class Uniform:
        def log_prob(self, x: Tensor) -> Tensor:
            return x.new_zeros(len(x), dtype=torch.float32)

    with pytest.raises(ValueError, match="Uniform does not name Infers"):
        Elbo().compute(images(2).numpy(), Uniform())


def test_normal_noise_is_a_function_of_the_image_and_the_salt() -> None:
    x = images(6)
    noise = normal_noise(x, 10)
    assert noise.dtype == torch.float32
    assert torch.equal(torch.cat([normal_noise(part, 10) for part in x.split(4)]), noise)
    assert torch.equal(normal_noise(x.flip(0), 10), noise.flip(0))
    assert torch.equal(normal_noise(x, 10, torch.tensor([0])), noise)
    assert len(noise.unique()) == 60
    assert not torch.isin(normal_noise(x, 10, 1), noise).any()


def test_fewer_numbers_of_normal_noise_are_the_first_of_more() -> None:
    x = images(6)
    assert torch.equal(normal_noise(x, 7), normal_noise(x, 300)[:, :7])


def test_normal_noise_is_standard_normal_and_independent() -> None:
    x = images(300)
    noise = torch.cat([normal_noise(x, 200), normal_noise(x, 200, 1)], dim=1).double()
    error = 1 / math.sqrt(noise.numel())
    for power, moment, spread in ((1, 0, 1), (2, 1, 2**0.5), (3, 0, 15**0.5), (4, 3, 96**0.5)):
        got = float(noise.pow(power).mean())
        assert got == pytest.approx(moment, abs=4 * spread * error)
    for axis in (noise, noise.T):
        correlation = torch.corrcoef(axis)
        correlation.fill_diagonal_(0)
        assert float(correlation.abs().max()) < 5.5 / math.sqrt(axis.shape[1])
    dequantization = uniform_noise(x).flatten(1).double()
    both = torch.stack([dequantization.flatten(), noise[:, : SHAPE.dims].flatten()])
    assert abs(float(torch.corrcoef(both)[0, 1])) < 4 / math.sqrt(both.shape[1])


@pytest.mark.gpu
def test_a_gpu_draws_the_normal_noise_of_the_cpu() -> None:
    x = images(6)
    assert torch.allclose(normal_noise(x.cuda(), 500).cpu(), normal_noise(x, 500), atol=1e-6)
