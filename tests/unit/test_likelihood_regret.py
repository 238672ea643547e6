"""Likelihood regret: a linear Gaussian model's closed form, and images that do not interact."""

import math

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.distributions import MultivariateNormal

from ood_bench.capabilities import ElboTerms, InfersGaussian
from ood_bench.data import Shape
from ood_bench.lit import build
from ood_bench.statistics import batches
from ood_bench.statistics.likelihood_regret import CHECK, STEPS, TOLERANCE, LikelihoodRegret
from ood_bench_models.vae import VAE

SHAPE = Shape(1, 2, 3)
STD = 0.5
Images = NDArray[np.uint8]


def images(n: int, shape: Shape = SHAPE) -> Images:
    return np.random.default_rng(0).integers(0, 256, (n, *shape), dtype=np.uint8)


class LinearGaussian(nn.Module, InfersGaussian):
    """x / 255 = W z + 1/2 + STD · noise, with orthogonal columns in W: the best q is exact.

    Args:
        off: How far the encoder puts means and log standard deviations from where they belong;
            times the brightness of the first pixel, so that it differs from image to image.
    """

    def __init__(self, off: float) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(1)
        square = torch.randn(6, 6, generator=generator, dtype=torch.float64)
        self.W = nn.Parameter(torch.linalg.qr(square).Q[:, :2] * torch.tensor([0.7, 1.1]))
        self.off = off
        self.climbing: list[int] = []

    def log_prob(self, x: Tensor) -> Tensor:
        return self.bound_given(x, *self.posterior(x))

    def elbo_terms(self, x: Tensor) -> ElboTerms:
        raise NotImplementedError

    def exact_posterior(self, x: Tensor) -> tuple[Tensor, Tensor]:
        precision = 1 + self.W.square().sum(dim=0) / STD**2
        mean = self.centred(x) @ self.W / STD**2 / precision
        return mean, (-0.5 * precision.log()).expand_as(mean)

    def posterior(self, x: Tensor) -> tuple[Tensor, Tensor]:
        mean, log_std = self.exact_posterior(x)
        shift = self.off * x.flatten(1)[:, :1] / 255
        return mean + shift, log_std - shift

    def bound_given(self, x: Tensor, mean: Tensor, log_std: Tensor) -> Tensor:
        """The ELBO in closed form."""
        variance = (2 * log_std).exp()
        error = (self.centred(x) - mean @ self.W.T).square().sum(dim=1)
        error = error + (variance * self.W.square().sum(dim=0)).sum(dim=1)
        reconstruction = -0.5 * error / STD**2 - 6 * (math.log(STD) + 0.5 * math.log(2 * math.pi))
        return reconstruction - (0.5 * (mean.square() + variance - 1) - log_std).sum(dim=1)

    def elbo_given(self, x: Tensor, mean: Tensor, log_std: Tensor, *, salt: int) -> Tensor:
        self.climbing.append(len(x))
        return self.bound_given(x, mean, log_std)

    def centred(self, x: Tensor) -> Tensor:
        return x.flatten(1).double() / 255 - 0.5

    def evidence(self, x: Tensor) -> Tensor:
        covariance = self.W @ self.W.T + STD**2 * torch.eye(6)
        return MultivariateNormal(torch.zeros(6, dtype=torch.float64), covariance).log_prob(
            self.centred(x)
        )


@pytest.fixture
def vae() -> VAE:
    shape = Shape(1, 6, 6)
    options: dict[str, object] = {"latent": 3, "channels": (4,), "samples": 4}
    built = build(VAE, shape, options | {"likelihood": "logistic_mixture", "components": 2}, 0)
    assert isinstance(built, VAE)
    built.initialise(torch.from_numpy(images(8, shape)))
    return built.double().eval()


def test_regret_is_what_the_exact_posterior_would_gain() -> None:
    x, model = images(20), LinearGaussian(0.5)
    found = LikelihoodRegret().compute(x, model)["likelihood_regret"]
    with torch.no_grad():
        images_ = torch.from_numpy(x)
        expected = (model.evidence(images_) - model.log_prob(images_)).numpy()
    assert expected.max() > 1
    assert (found <= expected + 1e-9).all()
    assert found == pytest.approx(expected, abs=TOLERANCE)


def test_an_exact_encoder_leaves_nothing_to_regret() -> None:
    found = LikelihoodRegret().compute(images(20), LinearGaussian(0.0))["likelihood_regret"]
    assert (found >= 0).all()
    assert found == pytest.approx(np.zeros(20), abs=1e-6)


def test_converged_images_leave_the_climb() -> None:
    x = images(20)
    x[5:, 0, 0, 0] = 0  # for these the encoder is exact
    x[:5, 0, 0, 0] = 255
    model = LinearGaussian(1.5)
    LikelihoodRegret().compute(x, model)
    assert model.climbing[:CHECK] == [20] * CHECK
    assert model.climbing[CHECK] == 5
    exact = LinearGaussian(0.0)
    LikelihoodRegret().compute(x, exact)
    assert len(exact.climbing) == CHECK < STEPS


def test_regret_is_never_negative_and_its_bounds_are_the_models(vae: VAE) -> None:
    x = images(12, Shape(1, 6, 6))
    found = LikelihoodRegret().compute(x, vae)["likelihood_regret"]
    assert (found >= 0).all()
    assert found.max() > TOLERANCE
    assert found.dtype == np.float64
    with torch.no_grad():
        given = vae.bound_given(torch.from_numpy(x), *vae.posterior(torch.from_numpy(x)))
        assert torch.equal(given, vae.log_prob(torch.from_numpy(x)))


@pytest.mark.parametrize("size", [1, 5])
def test_images_do_not_interact(size: int, vae: VAE, monkeypatch: pytest.MonkeyPatch) -> None:
    x = images(12, Shape(1, 6, 6))
    expected = LikelihoodRegret().compute(x, vae)["likelihood_regret"]
    monkeypatch.setitem(batches.VALUES_PER_BATCH, "cpu", size * 36)
    order = np.random.default_rng(0).permutation(12)
    found = LikelihoodRegret().compute(x[order], vae)["likelihood_regret"]
    assert found == pytest.approx(expected[order], rel=1e-6, abs=1e-6)


def test_the_model_is_left_as_it_was(vae: VAE) -> None:
    weights = [parameter.clone() for parameter in vae.parameters()]
    LikelihoodRegret().compute(images(3, Shape(1, 6, 6)), vae)
    assert all(map(torch.equal, weights, vae.parameters()))
    assert all(p.requires_grad and p.grad is None for p in vae.parameters())


def test_the_climb_follows_the_elbo_of_the_vae(vae: VAE) -> None:
    """Over many draws the ELBO of the model's own posterior is that of its terms."""
    x = torch.from_numpy(images(2, Shape(1, 6, 6)))
    with torch.no_grad():
        posterior = vae.posterior(x)
        first = vae.elbo_given(x, *posterior, salt=0)
        reconstruction, kl = vae.elbo_terms(x)
        assert torch.allclose(first, reconstruction - kl)
        draws = torch.stack([vae.elbo_given(x, *posterior, salt=k) for k in range(1, 50)])
    assert (draws.std(dim=0) > 0).all()
    assert (draws.mean(dim=0) < vae.log_prob(x) + 1).all()


def test_a_bound_that_is_not_finite_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    model = LinearGaussian(0.5)
    bound = model.bound_given

    def broken(x: Tensor, mean: Tensor, log_std: Tensor) -> Tensor:
        return torch.where(x[:, 0, 0, 0] == 255, torch.nan, bound(x, mean, log_std))

    monkeypatch.setattr(model, "bound_given", broken)
    x = images(3)
    x[1, 0, 0, 0] = 255
    found = LikelihoodRegret().compute(x, model)["likelihood_regret"]
    assert np.isnan(found).tolist() == [False, True, False]


def test_a_model_without_a_gaussian_posterior_is_refused() -> None:
    with pytest.raises(ValueError, match="NoneType does not name InfersGaussian"):
        LikelihoodRegret().compute(images(1), None)
