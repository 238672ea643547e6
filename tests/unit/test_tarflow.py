"""TarFlow: what each patch depends on, its inverse patch by patch, and wrong options."""

import math

import pytest
import torch
from torch import Tensor

from ood_bench.data import Shape
from ood_bench.errors import PluginError
from ood_bench.lit import build
from ood_bench.registry import construct
from ood_bench.testing import displaced, random_images
from ood_bench_models.causal_transformer import CausalTransformer, Seen
from ood_bench_models.tarflow import TarFlow

SHAPE = Shape(2, 4, 6)


def model(**options: object) -> TarFlow:
    """Return a model in float64, moved off its initialisation."""
    small: dict[str, object] = {"patch": 2, "blocks": 2, "layers": 2, "width": 12, "heads": 3}
    return displaced(build(TarFlow, SHAPE, small | options, 0), scale=0.3).double()


def transformer(tokens: int = 5) -> CausalTransformer:
    torch.manual_seed(0)
    found = CausalTransformer(tokens, 3, 4, layers=2, width=12, heads=3).double()
    for parameter in found.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return found


@torch.no_grad()
def test_an_output_depends_on_all_tokens_before_it_and_on_none_after() -> None:
    net, x = transformer(), torch.randn(1, 5, 3, dtype=torch.float64)
    changed = x + torch.eye(5, dtype=torch.float64)[:, :, None]
    moved = (net(changed) - net(x)).abs().amax(dim=2) > 1e-12
    assert torch.equal(moved, torch.ones(5, 5, dtype=torch.bool).triu(1))


@torch.no_grad()
def test_one_token_after_the_other_gives_what_all_at_once_give() -> None:
    net, x = transformer(), torch.randn(2, 5, 3, dtype=torch.float64)
    seen: list[Seen] = []
    inputs: list[Tensor | None] = [None, *x[:, :-1].unbind(1)]
    found = [net.next(last, len(x), seen) for last in inputs]
    assert torch.allclose(torch.stack(found, dim=1), net(x), atol=1e-12)


def test_the_volume_term_is_that_of_a_full_jacobian() -> None:
    net = model()
    y = net.dequantize(random_images(SHAPE, 2))
    _, _, log_volume = net.forward(y)
    for image, found in zip(y, log_volume, strict=True):
        jacobian = torch.autograd.functional.jacobian(  # type: ignore[no-untyped-call]  # as torch has it
            lambda flat: net.encode(flat.view(1, *SHAPE))[0], image.flatten()
        )
        assert torch.isclose(found, torch.linalg.slogdet(jacobian).logabsdet, atol=1e-6)


@torch.no_grad()
def test_the_second_block_runs_in_the_opposite_order() -> None:
    """So that every latent depends on the whole image."""
    y = model().dequantize(random_images(SHAPE, 1))
    for blocks, first_reaches in ((1, False), (2, True)):
        net = model(blocks=blocks)
        changed = y.clone()
        changed[..., -1, -1] += 0.1
        moved = (net.encode(changed) - net.encode(y)).view(SHAPE).abs() > 1e-12
        assert bool(moved[:, :2, :2].all()) is first_reaches


@torch.no_grad()
def test_an_untrained_model_is_standard_normal_on_the_scale_of_minus_one_to_one() -> None:
    net = build(TarFlow, SHAPE, {"patch": 2, "width": 8, "heads": 2}, 0)
    y = torch.rand(3, *SHAPE)
    normal = torch.distributions.Normal(0.0, 1.0).log_prob(2 * y - 1).sum(dim=(1, 2, 3))
    expected = normal + SHAPE.dims * math.log(2)
    assert torch.allclose(net.log_density(y), expected, rtol=1e-5)


@torch.no_grad()
def test_extreme_images_have_finite_likelihoods() -> None:
    net = model().float()
    extremes = torch.tensor([0, 255], dtype=torch.uint8).view(2, 1, 1, 1).expand(2, *SHAPE)
    assert net.log_prob(extremes).isfinite().all()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"patch": 3}, "divisible by 3, got images of"),
        (
            {"patch": 2, "heads": 5, "width": 12},
            "width divisible by heads, got width=12 and heads=5",
        ),
        ({"patch": 2, "blocks": 0}, "blocks >= 1, got blocks=0"),
    ],
)
def test_wrong_options_are_refused(options: dict[str, object], said: str) -> None:
    with pytest.raises(PluginError, match=said):
        construct(TarFlow, "tarflow", options, SHAPE)
