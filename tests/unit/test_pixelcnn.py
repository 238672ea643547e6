import pytest
import torch
from torch import Tensor

from ood_bench.data import Shape
from ood_bench.lit import build
from ood_bench.testing import displaced, random_images
from ood_bench_models.pixelcnn import PixelCNN

LIKELIHOODS = ["categorical", "logistic_mixture"]


def model(shape: Shape, likelihood: str, **options: object) -> PixelCNN:
    """Return a model in float64, moved off its initialisation."""
    options = {"likelihood": likelihood, "components": 3, "width": 24} | options
    return displaced(build(PixelCNN, shape, options, 0), scale=0.1).double()


@torch.no_grad()
def influence(net: PixelCNN) -> Tensor:
    """Return whether a change of dimension i changes the conditional of dimension j, `(D, D)`.

    Dimensions are in the order of rows, columns, then channels.
    """
    C, H, W = net.shape
    x = random_images(net.shape, 1, seed=1).permute(0, 2, 3, 1).reshape(1, -1)
    changed = x + (128 * torch.eye(net.shape.dims)).to(torch.uint8)
    images = torch.cat([x, changed]).view(-1, H, W, C).permute(0, 3, 1, 2)
    conditionals = net.log_conditionals(images).permute(0, 2, 3, 1).flatten(1)
    return (conditionals[1:] - conditionals[0]).abs() > 1e-12


@pytest.mark.parametrize("kernel", [3, 5])
@pytest.mark.parametrize("likelihood", LIKELIHOODS)
@pytest.mark.parametrize("shape", [Shape(1, 5, 5), Shape(3, 5, 5), Shape(2, 1, 4)], ids=str)
def test_a_conditional_depends_on_all_dimensions_before_it_and_on_none_after(
    shape: Shape, likelihood: str, kernel: int
) -> None:
    net = model(shape, likelihood, kernel=kernel, layers=4)
    everything = torch.ones(shape.dims, shape.dims, dtype=torch.bool)
    assert torch.equal(influence(net), everything.triu())


def test_a_pixel_is_reached_as_far_as_the_layers_go() -> None:
    net = model(Shape(1, 5, 5), "categorical", kernel=3, layers=2)
    on_the_last = influence(net)[:, -1].view(5, 5)
    assert on_the_last.nonzero().min() == 2
    assert on_the_last[2:, 2:].all()


@torch.no_grad()
def drawn_naively(net: PixelCNN, n: int, *, seed: int, temperature: float) -> Tensor:
    """Return uint8 images drawn by a full pass for each pixel and channel."""
    C, H, W = net.shape
    uniform = torch.rand(n, C + 1, H, W, generator=torch.Generator().manual_seed(seed))
    x = torch.zeros(n, C, H, W, dtype=torch.uint8)
    for row in range(H):
        for column in range(W):
            for channel in range(C):
                parameters = net.forward(x.double() / 127.5 - 1)
                drawn = net.distribution.sample(
                    parameters, uniform.double(), temperature=temperature
                )
                x[:, channel, row, column] = drawn[:, channel, row, column]
    return x


@pytest.mark.parametrize("kernel", [3, 5])
@pytest.mark.parametrize("likelihood", LIKELIHOODS)
@pytest.mark.parametrize("shape", [Shape(1, 5, 4), Shape(3, 3, 4)], ids=str)
def test_samples_are_those_that_a_full_pass_a_pixel_draws(
    shape: Shape, likelihood: str, kernel: int
) -> None:
    net = model(shape, likelihood, kernel=kernel, layers=3)
    drawn = net.sample(6, seed=4, temperature=0.8)
    expected = drawn_naively(net, 6, seed=4, temperature=0.8)
    assert torch.equal(drawn, (expected.double() + 0.5) / 256)


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_a_single_pixel_has_probabilities_that_add_up_to_one(likelihood: str) -> None:
    net = model(Shape(1, 1, 1), likelihood)
    levels = torch.arange(256, dtype=torch.uint8).view(-1, 1, 1, 1)
    total = net.log_prob(levels).exp().sum().detach()
    assert float(total) == pytest.approx(1)


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_log_prob_is_the_sum_of_the_conditionals(likelihood: str) -> None:
    net = model(Shape(3, 4, 4), likelihood)
    x = random_images(net.shape, 5)
    conditionals = net.log_conditionals(x)
    assert conditionals.shape == x.shape
    assert torch.allclose(net.log_prob(x), conditionals.flatten(1).sum(dim=1))


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_training_in_bfloat16_takes_the_likelihood_in_float32(likelihood: str) -> None:
    net = model(Shape(3, 4, 4), likelihood).float().train()
    x = random_images(net.shape, 5)
    expected = net.log_prob(x)
    net.training_state.precision = "bf16"
    got = net.log_prob(x)
    assert got.dtype == torch.float32
    assert not torch.equal(got, expected)
    assert torch.allclose(got, expected, rtol=0.02)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kernel": 4}, "odd kernel of at least 3, got kernel=4"),
        ({"kernel": 1}, "odd kernel of at least 3, got kernel=1"),
        ({"layers": 0}, "layers >= 1"),
        ({"components": 0}, "components >= 1"),
        ({"width": 2}, "got width=2 for 3 channels"),
    ],
)
def test_options_that_cannot_be_are_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build(PixelCNN, Shape(3, 4, 4), options, 0)
