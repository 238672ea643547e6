"""Derivatives at the mean image against autograd's Hessian, closed forms against both."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from torch import Tensor

from ood_bench.analyses.constant_volume import jacobian_weights, paper_weights
from ood_bench.analyses.expansion import BATCH, Expansion, on_unit_scale, pixel_moments
from ood_bench.capabilities import LinearLevel
from ood_bench.data import Shape
from ood_bench.lit import build
from ood_bench.testing import displaced, random_images
from ood_bench_models.glow import Glow

SMALL = Shape(1, 4, 4)
OPTIONS = {"steps": 2, "width": 8}
CENTRE = np.random.default_rng(0).uniform(0.2, 0.8, SMALL)


def hessian(model: Glow, centre: NDArray[np.float64] = CENTRE) -> Tensor:
    """Return ∇² log p at the centre, shape `(D, D)`, of a model in double precision."""
    found = torch.autograd.functional.hessian(
        lambda flat: model.log_density(flat.view(1, *model.shape)).sum(),
        torch.tensor(centre).flatten(),
    )
    assert isinstance(found, Tensor)
    return found


def shiftless(**options: object) -> Glow:
    """Return a CV-Glow whose coupling layers shift nothing, all that is linear displaced."""
    model = build(Glow, SMALL, {**OPTIONS, "coupling": "additive", **options}, 0)
    model.initialise(random_images(model.shape, 1024))
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "mixing" in name or "of_channel" in name:
                parameter.add_(torch.randn(parameter.shape, generator=generator), alpha=0.1)
    return model.eval().double()


def levels_of(model: Glow) -> tuple[LinearLevel, ...]:
    levels = model.linear_part(torch.tensor(CENTRE))
    assert levels is not None
    return levels


@pytest.mark.parametrize(
    "options",
    [{}, {"coupling": "additive"}, {"network": "highway"}, {"prior": "standard", "levels": 1}],
    ids=str,
)
@pytest.mark.parametrize("number", [BATCH + 3, 40], ids=["few", "as many as pixels"])
def test_the_curvature_along_images_is_that_of_the_whole_hessian(
    options: dict[str, object], number: int
) -> None:
    shape = Shape(1, 4, 8)
    random = np.random.default_rng(1)
    centre, vectors = random.uniform(0.2, 0.8, shape), random.normal(size=(number, *shape))
    model = displaced(build(Glow, shape, {**OPTIONS, **options}, 0))
    found = Expansion(model, centre).curvatures(vectors)
    whole = hessian(model.double(), centre).numpy()
    flat = vectors.reshape(number, -1)
    assert found == pytest.approx(np.einsum("ni,ij,nj->n", flat, whole, flat), rel=1e-9)


def test_the_gradient_is_the_slope_of_the_log_density() -> None:
    model = displaced(build(Glow, SMALL, OPTIONS, 0))
    found = Expansion(model, CENTRE).gradient
    model = model.double()
    step = 1e-6 * np.eye(SMALL.dims).reshape(-1, *SMALL)
    with torch.no_grad():
        ahead, behind = (
            model.log_density(torch.tensor(CENTRE + sign * step)).numpy() for sign in (1, -1)
        )
    assert found.ravel() == pytest.approx((ahead - behind) / 2e-6, rel=1e-6, abs=1e-6)


def test_a_density_that_is_linear_has_no_curvature() -> None:
    class Linear:
        def log_density(self, y: Tensor) -> Tensor:
            return 3.0 * y.flatten(1).sum(dim=1)

    expansion = Expansion(Linear(), CENTRE)
    assert expansion.gradient.ravel().tolist() == [3.0] * SMALL.dims
    assert expansion.curvatures(np.ones((2, *SMALL))).tolist() == [0.0, 0.0]


def test_the_given_model_stays_in_its_precision() -> None:
    model = displaced(build(Glow, SMALL, OPTIONS, 0))
    before = {name: value.clone() for name, value in model.state_dict().items()}
    Expansion(model, CENTRE).curvatures(np.ones((1, *SMALL)))
    for name, value in model.state_dict().items():
        assert value.dtype == before[name].dtype
        assert torch.equal(value, before[name])
    assert all(parameter.requires_grad for parameter in model.parameters())


@pytest.mark.parametrize("options", [{"levels": 1}, {"levels": 2}, {"prior": "standard"}], ids=str)
def test_without_shifts_the_jacobian_form_is_the_diagonal_of_the_hessian(
    options: dict[str, object],
) -> None:
    model = shiftless(**options)
    weights = jacobian_weights(levels_of(model)).flatten()
    torch.testing.assert_close(weights, -hessian(model).diagonal(), rtol=1e-9, atol=0)


@pytest.mark.parametrize("levels", [1, 2])
def test_without_shifts_and_mixing_the_papers_form_is_the_diagonal_of_the_hessian(
    levels: int,
) -> None:
    model = shiftless(levels=levels)
    with torch.no_grad():
        for level in model.levels:
            for step in level.steps:
                step.mixing.lower.zero_()
                step.mixing.upper.zero_()
                step.mixing.permutation.copy_(torch.eye(len(step.mixing.sign)))
    weights = paper_weights(levels_of(model))
    assert weights.shape == SMALL
    torch.testing.assert_close(weights.flatten(), -hessian(model).diagonal(), rtol=1e-9, atol=0)


def test_the_papers_alpha_is_the_product_over_steps_of_the_sums_of_rows() -> None:
    matrices = torch.tensor([[[1.0, 2.0], [3.0, 4.0]], [[0.0, 1.0], [-2.0, 5.0]]])
    level = LinearLevel(1, matrices, torch.tensor([[[4.0]], [[9.0]]]))
    assert paper_weights([level]).flatten().tolist() == [(3 * 1) ** 2 / 4, (7 * 3) ** 2 / 9]


def test_a_channel_that_goes_on_takes_on_the_factors_of_the_next_level() -> None:
    first = LinearLevel(1, torch.diag(torch.tensor([2.0, 3.0]))[None], torch.full((1, 1, 1), 4.0))
    second = LinearLevel(1, torch.tensor([[[5.0]]]), torch.full((1, 1, 1), 0.5))
    assert paper_weights([first, second]).flatten().tolist() == [(2 * 5) ** 2 / 0.5, 3**2 / 4]


def test_the_prior_counts_at_the_image_given() -> None:
    model = displaced(build(Glow, SMALL, {**OPTIONS, "coupling": "additive"}, 0)).double()
    first, last = levels_of(model)
    _, _, log_prior, _ = model.levels[0](torch.tensor(CENTRE)[None] - 0.5, model.autocast())
    kept, z, _, _ = model.levels[0](torch.tensor(CENTRE)[None] - 0.5, model.autocast())
    moved = model.levels[0].prior.log_density(z + first.variance.sqrt(), kept)
    mean, _ = model.levels[0].prior.moments(kept) or (torch.zeros_like(z), None)
    slope = ((z - mean) / first.variance.sqrt()).sum()
    expected = log_prior - slope - z.numel() / 2
    torch.testing.assert_close(moved, expected.detach())
    assert last.variance.shape == (8, 1, 1)


@given(arrays(np.uint8, st.tuples(st.integers(1, 9), st.just(1), st.just(2), st.just(3))))
def test_moments_are_those_of_the_images_on_the_unit_scale(images: NDArray[np.uint8]) -> None:
    mean, variance = pixel_moments(images)
    assert mean == pytest.approx(on_unit_scale(images).mean(axis=0), abs=1e-12)
    assert variance == pytest.approx(on_unit_scale(images).var(axis=0), abs=1e-12)


def test_the_unit_scale_is_the_middle_of_what_dequantization_gives() -> None:
    images = np.array([0, 128, 255], np.uint8)
    assert on_unit_scale(images).tolist() == [0.5 / 256, 128.5 / 256, 255.5 / 256]
    assert math.isclose(on_unit_scale(images)[0], 1 - on_unit_scale(images)[2])
