"""The hierarchical VAE: its bounds, which levels each takes from the posterior, and training."""

import math
from pathlib import Path
from typing import cast

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.distributions import Normal, kl_divergence

from ood_bench.capabilities import Infers, InfersAbove, has
from ood_bench.data import Shape
from ood_bench.data.library import Library
from ood_bench.data.options import DataOptions
from ood_bench.errors import PluginError
from ood_bench.lit import build
from ood_bench.lit.fit import fit
from ood_bench.recipe import Recipe
from ood_bench.registry import construct, resolve_options
from ood_bench.statistics.elbo import Elbo
from ood_bench.statistics.elbo_above import ElboAbove
from ood_bench_models import vae as vae_module
from ood_bench_models.hvae import HVAE
from ood_bench_models.hvae_networks import LatentLevel
from ood_bench_models.vae import VAE

SHAPE = Shape(1, 4, 4)
TWO_PIXELS = Shape(2, 1, 1)
LEVELS = 3


def images(n: int, shape: Shape = SHAPE, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(256, (n, *shape), dtype=torch.uint8, generator=generator)


def small_hvae(shape: Shape = SHAPE, **options: object) -> HVAE:
    """Return a model of few channels in float64, moved off its initialisation."""
    options = {
        "levels": LEVELS,
        "channels": (4, 6, 8),
        "latents": (1, 2, 3),
        "components": 2,
    } | options
    hvae = build(HVAE, shape, options, 0)
    hvae.initialise(images(8, shape))
    displace(hvae)
    return hvae.double().eval()


@torch.no_grad()
def displace(module: nn.Module, seed: int = 2) -> None:
    generator = torch.Generator().manual_seed(seed)
    for parameter in module.parameters():
        noise = torch.randn(parameter.shape, generator=generator).to(parameter.dtype)
        parameter.add_(noise, alpha=0.1)


def levels_of(hvae: HVAE) -> dict[int, nn.Module]:
    """Return the modules of each level of latents by its number, 1 next to the image."""
    lower = [cast(LatentLevel, level) for level in hvae.decoder.levels]
    return {1: lower[-1], 2: lower[-2], 3: hvae.decoder.top}


@pytest.mark.parametrize("samples", [1, 3])
@torch.no_grad()
def test_the_bound_with_no_level_from_the_prior_is_log_prob(samples: int) -> None:
    hvae, x = small_hvae(samples=samples), images(9)
    assert torch.equal(hvae.elbo_above(x, 0), hvae.log_prob(x))
    for k in (1, 2):
        assert not torch.isclose(hvae.elbo_above(x, k), hvae.log_prob(x)).any()


@pytest.mark.parametrize("samples", [1, 3])
@pytest.mark.parametrize("level", [1, 2, 3])
@torch.no_grad()
def test_a_bound_needs_the_posteriors_of_the_levels_above_alone(samples: int, level: int) -> None:
    hvae, x = small_hvae(samples=samples), images(9)
    before = [hvae.elbo_above(x, k) for k in range(LEVELS)]
    displace(levels_of(hvae)[level].get_submodule("posterior"), seed=5)
    for k, bound in enumerate(before):
        after = hvae.elbo_above(x, k)
        if k >= level:
            assert torch.equal(after, bound)
        else:
            assert not torch.isclose(after, bound).any()


@torch.no_grad()
def test_a_bound_needs_the_features_of_the_levels_above_alone() -> None:
    hvae, x = small_hvae(), images(9)
    features = hvae.encoder(x.double() / 127.5 - 1)
    noise = torch.randn(9, sum(hvae.decoder.sizes), dtype=torch.float64)
    for k in range(LEVELS):
        expected, _ = hvae.decoder(noise, features, above=k)
        spoilt = [torch.full_like(d, torch.nan) for d in features[:k]]
        got, posteriors = hvae.decoder(noise, [*spoilt, *features[k:]], above=k)
        assert torch.equal(got, expected)
        assert len(posteriors) == LEVELS - k


@torch.no_grad()
def test_the_kl_of_a_level_is_that_of_the_two_gaussians() -> None:
    hvae, x = small_hvae(levels=2, channels=(4, 6), latents=(2, 3)), images(5)
    features = hvae.encoder(x.double() / 127.5 - 1)
    noise = torch.randn(5, sum(hvae.decoder.sizes), dtype=torch.float64)
    _, (top, low) = hvae.decoder(noise, features)
    p = Normal(torch.full_like(low.mean, 0.3), 0.7)
    q = Normal(0.3 + 0.7 * low.mean, 0.7 * low.log_std.exp())
    assert low.kl().tolist() == pytest.approx(kl_divergence(q, p).sum(dim=1).tolist())
    unit = Normal(torch.zeros_like(top.mean), 1.0)
    expected = kl_divergence(Normal(top.mean, top.log_std.exp()), unit).sum(dim=1)
    assert top.kl().tolist() == pytest.approx(expected.tolist())


@torch.no_grad()
def test_one_draw_is_the_elbo_of_the_statistic() -> None:
    hvae, x = small_hvae(), images(9)
    reconstruction, kl = hvae.elbo_terms(x)
    assert torch.equal(hvae.log_prob(x), reconstruction - kl)
    columns = Elbo().compute(x.numpy(), hvae)
    assert columns["elbo"] == pytest.approx(hvae.log_prob(x).numpy())
    more = small_hvae(samples=5)
    assert more.elbo_terms(x).reconstruction.tolist() == pytest.approx(reconstruction.tolist())
    assert more.elbo_terms(x).kl.tolist() == pytest.approx(kl.tolist())


@torch.no_grad()
def test_draws_are_weighed_by_the_prior_over_the_posterior() -> None:
    hvae, x = small_hvae(), images(4)
    for level in levels_of(hvae).values():
        level.get_parameter("posterior.weight").mul_(0.02)
    terms = hvae.terms(x, 4000)
    assert terms.kl.shape == terms.log_ratio.shape == (4, 4000, LEVELS)
    means, errors = terms.log_ratio.mean(dim=1), terms.log_ratio.std(dim=1) / math.sqrt(4000)
    assert ((means + terms.kl.mean(dim=1)).abs() < 5 * errors).all()
    weights = terms.log_ratio.sum(dim=2).exp()
    assert (weights.std(dim=1) > 0.1).all()
    assert ((weights.mean(dim=1) - 1).abs() < 5 * weights.std(dim=1) / math.sqrt(4000)).all()


@torch.no_grad()
def test_all_bounds_rise_with_more_draws_to_the_sum_over_latents() -> None:
    hvae, x = peaked(), images(200, TWO_PIXELS)
    table = exact_table(hvae)
    assert float(table.exp().sum()) == pytest.approx(1.0)
    assert float(table.std()) > 0.3
    exact = table[x[:, 0, 0, 0].long(), x[:, 1, 0, 0].long()]
    for k in range(2):
        gaps = {}
        for hvae.samples in (1, 8, 400):
            gaps[hvae.samples] = hvae.elbo_above(x, k) - exact
            spread = float(gaps[hvae.samples].std()) / math.sqrt(len(x))
            assert float(gaps[hvae.samples].mean()) < 3 * spread
        assert float(gaps[1].mean()) < float(gaps[8].mean()) < float(gaps[400].mean())
        assert abs(float(gaps[400].mean())) < 0.05


def peaked() -> HVAE:
    """A model of two pixels and two single latents, whose distribution is far from uniform."""
    hvae = small_hvae(TWO_PIXELS, levels=2, channels=(8, 8), latents=(1, 1), likelihood="bernoulli")
    with torch.no_grad():
        hvae.get_parameter("decoder.pixels.weight").mul_(30.0)
        hvae.get_parameter("decoder.top.posterior.bias").add_(0.5)
        hvae.get_parameter("decoder.levels.0.posterior.bias").add_(0.5)
    return hvae


def exact_table(hvae: HVAE) -> Tensor:
    """Return log P of all images of two pixels, `(256, 256)`, summed over a grid of latents."""
    axis = torch.linspace(-6, 6, 61, dtype=torch.float64)
    noise = torch.cartesian_prod(axis, axis)
    parameters, _ = hvae.decoder(noise, above=2)
    every = torch.arange(256, dtype=torch.uint8).view(-1, 1, 1, 1).expand(-1, 2, 1, 1)
    conditionals = torch.stack(
        [hvae.pixels.log_conditionals(parameters, v.expand(len(noise), 2, 1, 1)) for v in every]
    ).exp()
    first, second = conditionals[..., 0, 0].unbind(dim=2)
    prior = (-0.5 * noise.square().sum(dim=1)).exp()
    return ((prior / prior.sum() * first) @ second.T).log()


@torch.no_grad()
def test_samples_have_the_probabilities_of_the_model() -> None:
    hvae, n = peaked(), 5000
    y = hvae.sample(n, seed=3)
    assert float((y * 256 - 0.5 - (y * 256).floor()).abs().max()) == 0
    levels, table = (y * 256).long(), exact_table(hvae)
    log_probs = table[levels[:, 0, 0, 0], levels[:, 1, 0, 0]]
    error = float(log_probs.std()) / math.sqrt(n)
    assert float(log_probs.mean()) == pytest.approx(
        float((table.exp() * table).sum()), abs=5 * error
    )


def test_free_bits_change_the_loss_of_training_alone() -> None:
    plain, free, x = small_hvae(), small_hvae(free_bits=3.0), images(9)
    assert torch.equal(plain.log_prob(x), free.log_prob(x))
    plain.train()
    free.train()
    terms = plain.terms(x, 1)
    elbo = (terms.log_likelihood - terms.kl.sum(dim=2)).squeeze(1)
    assert torch.equal(plain.log_prob(x), elbo)
    floored = terms.kl.clamp(min=3.0)
    loosest = terms.log_likelihood - (floored + math.log(2)).sum(dim=2)
    assert (free.log_prob(x) <= (terms.log_likelihood - floored.sum(dim=2)).squeeze(1)).all()
    assert (free.log_prob(x) >= loosest.squeeze(1) - 1e-9).all()


def test_noise_is_the_steps_in_training_and_the_images_in_evaluation() -> None:
    hvae, x = small_hvae(samples=2), images(9)
    expected = [hvae.elbo_above(x, k) for k in range(LEVELS)]
    hvae.train()
    first = hvae.log_prob(x)
    assert torch.equal(hvae.log_prob(x), first)
    hvae.salt.fill_(7)
    assert not torch.isclose(hvae.log_prob(x), first).any()
    hvae.eval()
    for k, bound in enumerate(expected):
        assert torch.equal(hvae.elbo_above(x, k), bound)
        alone = torch.cat([hvae.elbo_above(image[None], k) for image in x.flip(0)])
        assert alone.tolist() == pytest.approx(bound.flip(0).tolist(), rel=1e-12)


@torch.no_grad()
def test_decoding_a_few_at_a_time_changes_no_score(monkeypatch: pytest.MonkeyPatch) -> None:
    hvae, x = small_hvae(samples=5), images(7)
    expected, drawn = hvae.elbo_above(x, 1), hvae.sample(9)
    one = hvae.pixels.parameters * SHAPE.dims
    monkeypatch.setitem(vae_module.PARAMETERS_AT_ONCE, "cpu", 3 * one)
    assert hvae.elbo_above(x, 1).tolist() == pytest.approx(expected.tolist(), rel=1e-12)
    assert torch.equal(hvae.sample(9), drawn)


@pytest.mark.parametrize("levels", [2, 3, 4])
@pytest.mark.parametrize(
    "shape",
    [Shape(2, 1, 1), Shape(1, 8, 8), Shape(3, 5, 1), Shape(1, 28, 28), Shape(3, 32, 32)],
    ids=str,
)
@torch.no_grad()
def test_images_of_any_size_are_scored_and_drawn(levels: int, shape: Shape) -> None:
    hvae = build(HVAE, shape, {"levels": levels}, 0)
    hvae.initialise(images(2, shape))
    hvae.eval()
    for k in range(levels):
        assert hvae.elbo_above(images(2, shape), k).isfinite().all()
    assert hvae.sample(2).shape == (2, *shape)


@torch.no_grad()
def test_the_prior_starts_standard_normal() -> None:
    hvae = build(HVAE, Shape(1, 28, 28), {}, 0)
    assert hvae.decoder.sizes == [16, 4 * 7 * 7, 2 * 14 * 14]
    for level in hvae.decoder.levels:
        prior = level.get_submodule("prior")(torch.randn(1, *features_into(level)))
        assert not prior.any()


def features_into(level: nn.Module) -> tuple[int, int, int]:
    return level.get_parameter("prior.weight").shape[1], 3, 3


@torch.no_grad()
def test_far_out_posteriors_give_finite_scores() -> None:
    hvae = small_hvae().float()
    for level in levels_of(hvae).values():
        level.get_parameter("posterior.weight").mul_(1e3)
    for k in range(LEVELS):
        assert hvae.elbo_above(images(8), k).isfinite().all()


@torch.no_grad()
def test_the_statistic_has_a_bound_for_each_number_of_levels() -> None:
    hvae, x = small_hvae(samples=2), images(9)
    columns = ElboAbove().compute(x.numpy(), hvae)
    assert list(columns) == ["elbo_above.0", "elbo_above.1", "elbo_above.2"]
    for k in range(LEVELS):
        column = columns[f"elbo_above.{k}"]
        assert column.dtype == np.float64
        assert column == pytest.approx(hvae.elbo_above(x, k).numpy())


def test_the_statistic_refuses_a_model_of_one_level() -> None:
    assert has(HVAE, InfersAbove)
    assert has(HVAE, Infers)
    vae = build(VAE, SHAPE, {"latent": 2, "channels": (4,)}, 0)
    with pytest.raises(ValueError, match="VAE does not name InfersAbove"):
        ElboAbove().compute(images(2).numpy(), vae)


def test_options_are_json_and_come_back() -> None:
    resolved = resolve_options(HVAE, "hvae", {"levels": 2, "channels": [4, 8]})
    assert resolved == {
        "levels": 2,
        "channels": [4, 8],
        "latents": None,
        "blocks": 1,
        "likelihood": "logistic_mixture",
        "components": 5,
        "samples": 1,
        "free_bits": 0.0,
    }
    assert construct(HVAE, "hvae", resolved, SHAPE).latent_levels == 2
    for wrong, message in (
        ({"levels": 1}, "two to four levels, got levels=1"),
        ({"levels": 5}, "two to four levels, got levels=5"),
        ({"channels": [4, 8]}, "each of its 3 levels"),
        ({"latents": [1, 2, 0]}, ">= 1"),
        ({"samples": 0}, ">= 1"),
        ({"free_bits": -1.0}, "free_bits >= 0"),
    ):
        with pytest.raises(PluginError, match=message):
            construct(HVAE, "hvae", wrong, SHAPE)
    for k in (-1, LEVELS):
        with pytest.raises(ValueError, match=f"k = 0 to 2, got k={k}"):
            small_hvae().elbo_above(images(1), k)


def test_a_short_training_learns_clothes(tmp_path: Path) -> None:
    shape = Shape(1, 28, 28)
    library = Library(root=None, index=None, hub=False)
    pixels = library.load("fashion_mnist_20k", DataOptions(), "train", shape).pixels
    hvae = build(HVAE, shape, {"channels": (8, 16, 16), "components": 3}, 0)
    recipe = Recipe(steps=40, batch_size=64, learning_rate=3e-3, warmup=10, precision="float32")
    report = fit(hvae, recipe, pixels[:3000], pixels[-200:], seed=0, workdir=tmp_path)
    assert report.bpd_validation is not None
    assert report.bpd_validation < 5.5
    assert not report.divergences
