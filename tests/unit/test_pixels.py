import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from ood_bench_models.pixels import (
    Bernoulli,
    Categorical,
    LogisticMixture,
    PixelDistribution,
    pixel_distribution,
)

LEVELS = torch.arange(256, dtype=torch.uint8)

MAKE: dict[str, Callable[[int], PixelDistribution]] = {
    "categorical": Categorical,
    "bernoulli": Bernoulli,
    "mixture of one": lambda channels: LogisticMixture(channels, 1),
    "mixture of five": lambda channels: LogisticMixture(channels, 5),
}


def parameters(pixels: PixelDistribution, scale: float, *, seed: int = 0, n: int = 1) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    shape = (n, pixels.parameters, 1, 1)
    return scale * torch.randn(shape, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize("scale", [0.0, 1e-3, 1.0, 30.0])
@pytest.mark.parametrize("kind", MAKE)
def test_the_probabilities_of_all_levels_add_up_to_one(kind: str, scale: float) -> None:
    pixels = MAKE[kind](2)
    x = torch.cartesian_prod(LEVELS, LEVELS).view(-1, 2, 1, 1)
    one = parameters(pixels, scale).expand(len(x), -1, -1, -1)
    total = pixels.log_conditionals(one, x).sum(dim=(1, 2, 3)).exp().sum()
    assert float(total) == pytest.approx(1.0, abs=1e-9)


@pytest.mark.parametrize("kind", MAKE)
def test_each_conditional_adds_up_to_one(kind: str) -> None:
    pixels = MAKE[kind](3)
    x = torch.randint(256, (256, 3, 1, 1), generator=torch.Generator().manual_seed(1))
    x[:] = x[:1]
    one = parameters(pixels, 2.0).expand(256, -1, -1, -1)
    for channel in range(3):
        every = x.clone().to(torch.uint8)
        every[:, channel, 0, 0] = LEVELS
        total = pixels.log_conditionals(one, every)[:, channel].exp().sum()
        assert float(total) == pytest.approx(1.0, abs=1e-9)


@pytest.mark.parametrize("kind", MAKE)
def test_samples_have_the_probabilities_they_are_scored_with(kind: str) -> None:
    pixels, n = MAKE[kind](2), 200_000
    one = parameters(pixels, 1.5, seed=3)
    uniform = torch.rand(n, 3, 1, 1, generator=torch.Generator().manual_seed(2)).double()
    x = pixels.sample(one.expand(n, -1, -1, -1), uniform)
    log_prob = pixels.log_conditionals(one.expand(n, -1, -1, -1), x).sum(dim=(1, 2, 3))
    every = torch.cartesian_prod(LEVELS, LEVELS).view(-1, 2, 1, 1)
    exact = pixels.log_conditionals(one.expand(len(every), -1, -1, -1), every).sum(dim=(1, 2, 3))
    entropy = float(-(exact.exp() * exact).sum())
    error = float(log_prob.std()) / math.sqrt(n)
    assert float(-log_prob.mean()) == pytest.approx(entropy, abs=5 * error)
    for channel in range(2):
        mean = float((exact.exp() * every[:, channel, 0, 0]).sum())
        got = x[:, channel].double()
        assert float(got.mean()) == pytest.approx(mean, abs=5 * float(got.std()) / math.sqrt(n))


@pytest.mark.parametrize("kind", MAKE)
def test_gradients_and_values_are_finite_far_out(kind: str) -> None:
    pixels = MAKE[kind](1)
    far = parameters(pixels, 300.0, n=256).float().requires_grad_()
    log_prob = pixels.log_conditionals(far, LEVELS.view(-1, 1, 1, 1)).sum()
    log_prob.backward()
    assert log_prob.isfinite()
    assert far.grad is not None
    assert far.grad.isfinite().all()


def test_a_mixture_lets_a_channel_follow_the_one_before_it() -> None:
    pixels = LogisticMixture(2, 1)
    # logit, two means, two log-scales, one slope: the second channel copies the first
    one = torch.tensor([0.0, 0.0, 0.0, -1.0, -4.0, 20.0]).view(1, 6, 1, 1)
    same = torch.tensor([200, 200], dtype=torch.uint8).view(1, 2, 1, 1)
    other = torch.tensor([200, 50], dtype=torch.uint8).view(1, 2, 1, 1)
    same_second, other_second = (pixels.log_conditionals(one, x)[0, 1] for x in (same, other))
    assert float(same_second - other_second) > 20


def test_a_bernoulli_of_even_odds_is_uniform() -> None:
    log_prob = Bernoulli(1).log_conditionals(torch.zeros(256, 1, 1, 1), LEVELS.view(-1, 1, 1, 1))
    assert log_prob.flatten().tolist() == pytest.approx([-math.log(256)] * 256)


def test_a_likelihood_is_found_by_its_name() -> None:
    assert isinstance(pixel_distribution("categorical", 3, components=4), Categorical)
    assert isinstance(pixel_distribution("bernoulli", 3, components=4), Bernoulli)
    mixture = pixel_distribution("logistic_mixture", 3, components=4)
    assert isinstance(mixture, LogisticMixture)
    assert mixture.parameters == 4 * (1 + 3 + 3 + 3)


@pytest.mark.parametrize("scale", [0.0, 1e-3, 1.0, 30.0])
@pytest.mark.parametrize("kind", MAKE)
def test_the_mean_is_that_of_the_probabilities(kind: str, scale: float) -> None:
    """That of logistics before they are rounded to levels, half a level at most."""
    pixels = MAKE[kind](1)
    some = parameters(pixels, scale, n=20)
    every = LEVELS.view(-1, 1, 1, 1)
    found = pixels.mean(some)
    assert found.shape == (20, 1, 1, 1)
    for one, mean in zip(some, found, strict=True):
        log_probs = pixels.log_conditionals(one.expand(256, -1, -1, -1), every)
        expected = float((log_probs.exp() * every).sum())
        rounded = 0.5 if isinstance(pixels, LogisticMixture) else 1e-7
        assert float(mean) == pytest.approx(expected, abs=rounded)


def test_the_mean_of_a_channel_follows_those_before_it() -> None:
    """Of wide logistics in the middle, which the image box hardly cuts."""
    pixels = LogisticMixture(3, 2)
    by_component = parameters(pixels, 0.3, seed=1).view(1, 2, -1, 1, 1)
    by_component[:, :, 4:7] = -3.0
    some = by_component.view(1, -1, 1, 1)
    n = 100_000
    uniform = torch.rand(n, 4, 1, 1, generator=torch.Generator().manual_seed(0)).double()
    drawn = pixels.sample(some.expand(n, -1, -1, -1), uniform).double()
    error = 5 * drawn.std(dim=0) / math.sqrt(n) + 0.05
    assert ((pixels.mean(some)[0] - drawn.mean(dim=0)).abs() < error).all()
