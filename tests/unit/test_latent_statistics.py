"""Norms and tests of latents, and the levels' shares of the likelihood."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy import stats
from torch import Tensor

from ood_bench.capabilities import (
    Decomposes,
    DecomposesByLevel,
    Encodes,
    EncodesToNoise,
    InfersGaussian,
    has,
)
from ood_bench.data import Shape
from ood_bench.lit import DensityModule, build
from ood_bench.statistics import Statistic
from ood_bench.statistics.latent_norm import LatentNorm
from ood_bench.statistics.latent_normality import LatentNormality
from ood_bench.statistics.level_log_prob import LevelLogProb
from ood_bench.statistics.likelihood_path import LikelihoodPath
from ood_bench.statistics.posterior_norm import PosteriorNorm
from ood_bench.testing import displaced
from ood_bench_models.glow import Glow
from ood_bench_models.vae import VAE

SHAPE = Shape(1, 8, 8)
Images = NDArray[np.uint8]


def images(n: int) -> Images:
    return np.random.default_rng(0).integers(0, 256, (n, *SHAPE), dtype=np.uint8)


def made(kind: type[DensityModule], options: dict[str, object]) -> DensityModule:
    """A model off its initialisation, in float64."""
    return displaced(build(kind, SHAPE, options, 0), scale=0.05).double()


@pytest.mark.parametrize("coupling", ["affine", "additive"])
@pytest.mark.parametrize("prior", ["learned", "standard"])
@pytest.mark.parametrize("levels", [0, 1, 3])
def test_levels_add_up_to_log_prob(levels: int, prior: str, coupling: str) -> None:
    shape = SHAPE if levels else Shape(2, 4, 8)
    options = {"levels": levels, "steps": 2, "width": 4, "prior": prior, "coupling": coupling}
    x = images(5).reshape(5, *shape)
    flow = build(Glow, shape, options, 0)
    assert isinstance(flow, Glow)
    flow.initialise(torch.from_numpy(x))
    flow.double().eval()
    columns = LevelLogProb().compute(x, flow)
    assert list(columns) == [f"level_log_prob.{k}" for k in range(max(levels, 1))]
    with torch.no_grad():
        expected = flow.decompose(torch.from_numpy(x))
        found = flow.decompose_levels(torch.from_numpy(x))
    assert sum(columns.values()) == pytest.approx((expected[0] + expected[1]).numpy(), rel=1e-12)
    for term, parts in zip(expected, zip(*found, strict=True), strict=True):
        assert torch.allclose(sum(parts, torch.zeros(())), term)


def test_a_level_bears_the_constant_of_its_latents() -> None:
    """Half of the latents leave a level: of 64 pixels 32, then 16, then the rest."""
    flow = build(Glow, SHAPE, {"levels": 3, "steps": 1, "width": 4, "coupling": "additive"}, 0)
    assert isinstance(flow, Glow)
    flow.initialised.fill_(value=True)
    with torch.no_grad():
        found = flow.eval().decompose_levels(torch.from_numpy(images(1)))
    for (_, volume), latents in zip(found, (32, 16, 16), strict=True):  # rotations have volume one
        assert float(volume) == pytest.approx(-latents * math.log(256), rel=1e-4)


def test_a_flows_norm_is_that_of_its_latents_at_mid_bin() -> None:
    flow, x = made(Glow, {"levels": 2, "steps": 2, "width": 4}), images(5)
    assert isinstance(flow, Glow)
    with torch.no_grad():
        z = flow.encode((torch.from_numpy(x).double() + 0.5) / 256)
    assert LatentNorm().compute(x, flow)["latent_norm"] == pytest.approx(z.norm(dim=1).numpy())


def test_a_vaes_norm_is_that_of_the_posteriors_mean() -> None:
    vae, x = made(VAE, {"latent": 3, "channels": (4,)}), images(5)
    assert isinstance(vae, VAE)
    with torch.no_grad():
        mean = vae.posterior(torch.from_numpy(x)).mean
    assert PosteriorNorm().compute(x, vae)["latent_norm"] == pytest.approx(mean.norm(dim=1).numpy())


class AsNoise(EncodesToNoise):
    """A flow whose noise is given, one row an image, by the level of its first pixel."""

    def __init__(self, noise: NDArray[np.float64]) -> None:
        self.noise = torch.from_numpy(noise)

    def to_noise(self, y: Tensor) -> Tensor:
        return self.noise[(y[:, 0, 0, 0] * 256).long()]

    def encode(self, y: Tensor) -> Tensor:
        return self.to_noise(y)

    def decode(self, z: Tensor) -> Tensor:
        raise NotImplementedError


def anderson(row: NDArray[np.float64]) -> float:
    method: Any = "interpolate"  # of the p-value; type stubs have another name
    return float(stats.anderson(row, method=method).statistic)


def test_latents_are_tested_as_scipy_does_and_by_their_spectrum() -> None:
    random = np.random.default_rng(0)
    rows = np.stack(
        [
            random.normal(size=50),
            random.normal(3, 2, 50),
            random.exponential(size=50),
            np.sin(np.arange(50.0)),
        ]
    )
    x = np.arange(4, dtype=np.uint8)[:, None, None, None] * np.ones((1, 1, 2, 2), np.uint8)
    found = LatentNormality().compute(x, AsNoise(rows))
    for k, row in enumerate(rows):
        statistic = found["latent_normality.anderson_darling"][k]
        assert statistic == pytest.approx(anderson(row), rel=1e-9)
        waves = np.exp(-2j * np.pi * np.outer(np.arange(26), np.arange(50)) / 50)
        power = np.abs(waves @ row) ** 2
        expected = power.std(ddof=1) / power.mean()
        assert found["latent_normality.spectrum"][k] == pytest.approx(expected, rel=1e-9)


def test_latents_far_out_have_finite_statistics() -> None:
    x = np.zeros((1, 1, 2, 2), np.uint8)
    row = np.random.default_rng(0).normal(size=(1, 1000))
    row[0, 0] = 1e6
    for values in LatentNormality().compute(x, AsNoise(row)).values():
        assert np.isfinite(values).all()


def test_a_flows_noise_is_that_of_its_samples() -> None:
    flow = made(Glow, {"levels": 3, "steps": 2, "width": 4})
    assert isinstance(flow, Glow)
    with torch.no_grad():
        noise = flow.to_noise(flow.sample(5, seed=3))
    assert torch.allclose(noise, flow.noise(5, temperature=1.0, seed=3), atol=1e-5)
    assert not torch.allclose(noise, flow.encode(flow.sample(5, seed=3)), atol=1e-2)


def test_latents_are_those_of_the_image_with_the_noise_of_log_prob() -> None:
    flow, x = made(Glow, {"levels": 2, "steps": 2, "width": 4}), images(5)
    assert isinstance(flow, Glow)
    with torch.no_grad():
        noise = flow.to_noise(flow.dequantize(torch.from_numpy(x))).numpy()
    expected = [anderson(row) for row in noise]
    found = LatentNormality().compute(x, flow)["latent_normality.anderson_darling"]
    assert found == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("likelihood", ["categorical", "logistic_mixture", "bernoulli"])
def test_the_path_to_a_likelihood_is_that_of_a_vae(likelihood: str) -> None:
    vae, x = made(VAE, {"latent": 3, "channels": (4,), "likelihood": likelihood}), images(5)
    assert isinstance(vae, VAE)
    with torch.no_grad():
        mean, log_std = vae.posterior(torch.from_numpy(x))
        pixels = vae.pixels.mean(vae.decoder(mean)).numpy() / 255
    found = LikelihoodPath().compute(x, vae)
    error = np.linalg.norm((pixels - x / 255).reshape(5, -1), axis=1)
    assert found["likelihood_path.error"] == pytest.approx(error)
    assert found["likelihood_path.mean"] == pytest.approx(mean.norm(dim=1).numpy())
    assert found["likelihood_path.std"] == pytest.approx(log_std.exp().norm(dim=1).numpy())


def test_one_column_has_a_statistic_for_each_kind_of_model() -> None:
    assert LatentNorm.columns == PosteriorNorm.columns
    assert has(Glow, Encodes)
    assert not has(Glow, InfersGaussian)
    assert has(VAE, InfersGaussian)
    assert not has(VAE, Encodes)
    assert has(Glow, DecomposesByLevel)
    assert has(Glow, Decomposes)


@pytest.mark.parametrize(
    ("statistic", "capability"),
    [
        (LatentNorm(), "Encodes"),
        (PosteriorNorm(), "InfersGaussian"),
        (LatentNormality(), "EncodesToNoise"),
        (LikelihoodPath(), "Reconstructs"),
        (LevelLogProb(), "DecomposesByLevel"),
    ],
)
def test_a_model_that_lacks_the_capability_is_refused(
    statistic: Statistic, capability: str
) -> None:
    with pytest.raises(ValueError, match=f"NoneType does not name {capability}"):
        statistic.compute(images(1), None)
