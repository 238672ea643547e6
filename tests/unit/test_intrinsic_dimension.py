"""Local intrinsic dimensions of flows and VAEs, against singular values of whole Jacobians."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from ood_bench.capabilities import EncodesToNoise
from ood_bench.data import Shape
from ood_bench.lit import DensityModule, build
from ood_bench.noise import normal_noise, uniform_noise
from ood_bench.registry import Registry
from ood_bench.statistics import Statistic, provider
from ood_bench.statistics.decoder_dimension import DecoderDimension
from ood_bench.statistics.flow_dimension import PROBES, THRESHOLD, FlowDimension
from ood_bench.statistics.jacobian import jacobian_products
from ood_bench.statistics.resolvent import resolvent_form
from ood_bench.testing import displaced
from ood_bench_models.diffusion import Diffusion
from ood_bench_models.flow import Flow
from ood_bench_models.flow_matching import FlowMatching
from ood_bench_models.glow import Glow
from ood_bench_models.pixelcnn import PixelCNN
from ood_bench_models.tarflow import TarFlow
from ood_bench_models.vae import VAE

SHAPE = Shape(1, 8, 8)
Images = NDArray[np.uint8]


def images(n: int, shape: Shape = SHAPE) -> Images:
    return np.random.default_rng(0).integers(0, 256, (n, *shape), dtype=np.uint8)


def dequantized(x: Images) -> Tensor:
    given = torch.from_numpy(x)
    return (given.double() + uniform_noise(given)) / 256.0


def made(kind: type[DensityModule], options: dict[str, object]) -> DensityModule:
    """A model off its initialisation, in float64."""
    return displaced(build(kind, SHAPE, options, 0), scale=0.05).double()


class Linear(EncodesToNoise):
    """A flow y = V diag(σ) noise + 1/2, with V orthogonal."""

    def __init__(self, scales: NDArray[np.float64]) -> None:
        mixed = np.random.default_rng(1).normal(size=(len(scales), len(scales)))
        self.rotation = torch.linalg.qr(torch.from_numpy(mixed))[0]
        self.scales = torch.from_numpy(scales)

    def to_noise(self, y: Tensor) -> Tensor:
        return (y.double().flatten(1) - 0.5) @ self.rotation / self.scales

    encode = to_noise

    def decode(self, z: Tensor) -> Tensor:
        return (z * self.scales) @ self.rotation.T + 0.5


class Watched(Linear):
    """Keeps the images that it is called with."""

    def to_noise(self, y: Tensor) -> Tensor:
        self.seen = y.detach()
        return super().to_noise(y)


def test_a_flow_is_taken_where_its_likelihood_is() -> None:
    x = images(3)
    flow = Watched(np.ones(64))
    FlowDimension().compute(x, flow)
    assert flow.seen.numpy() == pytest.approx(dequantized(x).numpy(), abs=1e-7)


@pytest.mark.parametrize("steps", [1, 2, 5, 20])
def test_a_form_is_the_mean_of_its_bounds_by_quadrature(steps: int) -> None:
    """Of Gauss, from the matrix on the Krylov space, and of Gauss-Radau with a node at zero."""
    random = np.random.default_rng(0)
    matrix, start = random.normal(size=(20, 20)), random.normal(size=20)
    square = matrix.T @ matrix
    basis = np.zeros((20, 0))
    last, size = start / np.linalg.norm(start), 0.0
    for _ in range(steps):
        basis = np.column_stack([basis, last])
        last = square @ last
        for _ in range(2):
            last = last - basis @ (basis.T @ last)
        size = float(np.linalg.norm(last))
        last = last / size
    inner = basis.T @ square @ basis
    radau = np.zeros((steps + 1, steps + 1))
    radau[:steps, :steps] = inner
    radau[steps, steps - 1] = radau[steps - 1, steps] = size
    radau[steps, steps] = size**2 * np.linalg.inv(inner)[-1, -1]  # so that it is singular
    lower, upper = (
        start @ start * np.linalg.inv(np.eye(len(found)) + found)[0, 0] for found in (inner, radau)
    )
    given = torch.from_numpy(matrix)
    found = resolvent_form(
        lambda v: v @ given.T, lambda u: u @ given, torch.from_numpy(start)[None], steps=steps
    )
    exact = start @ np.linalg.solve(np.eye(20) + square, start)
    assert float(found) == pytest.approx((lower + upper) / 2, rel=1e-9)
    assert lower - 1e-9 <= exact <= upper + 1e-9


@pytest.mark.parametrize("count", [0, 1, 17, 64])
def test_a_linear_flow_has_as_many_dimensions_as_scales_above_one_level(count: int) -> None:
    """Of a projection on n of D dimensions a probe's form has the variance 2n (1 − n/D) about."""
    scales = np.where(np.arange(64) < count, 1e3, 1e-3) * THRESHOLD
    found = FlowDimension().compute(images(100), Linear(scales))["intrinsic_dimension"]
    spread = np.sqrt(2 * count * (1 - count / 64) / PROBES)
    assert found.mean() == pytest.approx(count, abs=0.4 * spread + 1e-3)
    assert found.std() == pytest.approx(spread, rel=0.35, abs=1e-3)


def test_a_flow_of_two_pixels_has_the_sum_over_both() -> None:
    """With two pixels two steps are exact; the two probes are those of each image."""
    x = images(30, Shape(1, 1, 2))
    flow = Linear(np.array([0.3, 1.0]) * THRESHOLD)
    found = FlowDimension().compute(x, flow)["intrinsic_dimension"]
    shares = torch.tensor([0.09 / 1.09, 0.5], dtype=torch.float64)
    matrix = flow.rotation @ torch.diag(shares) @ flow.rotation.T
    given = torch.from_numpy(x)
    signs = torch.stack([normal_noise(given, 2, k).sign().double() for k in range(PROBES)])
    expected = torch.einsum("pbi,ij,pbj->b", signs, matrix, signs) / PROBES
    assert found == pytest.approx(expected.numpy(), rel=1e-6)
    assert len(set(found.round(9))) > 1
    assert float(expected.mean()) == pytest.approx(float(shares.sum()), abs=0.25)


def test_a_flow_of_two_pixels_far_from_the_threshold_counts_exactly() -> None:
    x = images(30, Shape(1, 1, 2))
    for scales, count in (((1e4, 1e4), 2), ((1e-4, 1e-4), 0)):
        flow = Linear(np.array(scales) * THRESHOLD)
        found = FlowDimension().compute(x, flow)["intrinsic_dimension"]
        assert found == pytest.approx(np.full(30, count), abs=1e-6)


FLOWS: list[tuple[type[Flow], dict[str, object]]] = [
    (Glow, {"levels": 2, "steps": 2, "width": 4}),
    (Glow, {"levels": 2, "steps": 2, "width": 4, "coupling": "additive"}),
    (TarFlow, {"width": 8, "heads": 2, "blocks": 2, "layers": 1}),
]


def singular_values(flow: Flow, y: Tensor) -> Tensor:
    """Those of the whole Jacobian of `to_noise` by autograd, shape `(B, D)`."""
    whole = [torch.autograd.functional.jacobian(flow.to_noise, image[None]) for image in y]
    return torch.linalg.svdvals(torch.stack(whole).view(len(y), y[0].numel(), -1))


@pytest.mark.parametrize(("kind", "options"), FLOWS)
def test_over_all_directions_the_sum_is_that_over_singular_values(
    kind: type[Flow], options: dict[str, object]
) -> None:
    flow = made(kind, options)
    assert isinstance(flow, Flow)
    y = dequantized(images(1))
    values = singular_values(flow, y)
    product, transposed = jacobian_products(flow.to_noise, y.repeat(SHAPE.dims, 1, 1, 1))
    for scale in (THRESHOLD, 1.0):
        found = resolvent_form(
            lambda v, by=scale: by * product(v),
            lambda u, by=scale: by * transposed(u),
            torch.eye(SHAPE.dims, dtype=torch.float64),
            steps=SHAPE.dims,
        )
        expected = (1 / (1 + (scale * values) ** 2)).sum()
        assert float(found.sum()) == pytest.approx(float(expected), rel=1e-8)


@pytest.mark.parametrize(("kind", "options"), FLOWS)
def test_a_flows_dimension_is_that_of_its_jacobian_up_to_the_probes(
    kind: type[Flow], options: dict[str, object]
) -> None:
    flow, x = made(kind, options), images(4)
    assert isinstance(flow, Flow)
    found = FlowDimension().compute(x, flow)["intrinsic_dimension"]
    values = singular_values(flow, dequantized(x))
    expected = (1 / (1 + (THRESHOLD * values) ** 2)).sum(dim=1)
    assert found == pytest.approx(expected.detach().numpy(), abs=8)
    assert all(parameter.requires_grad for parameter in flow.parameters())


def test_a_vaes_dimension_is_the_sum_over_its_decoders_singular_values() -> None:
    vae, x = made(VAE, {"latent": 5, "channels": (4, 4)}), images(3)
    assert isinstance(vae, VAE)
    found = DecoderDimension().compute(x, vae)["intrinsic_dimension"]
    z, _ = vae.posterior(torch.from_numpy(x))
    for row, latent in zip(found, z.detach(), strict=True):
        whole = torch.autograd.functional.jacobian(vae.reconstruct, latent[None])
        square = torch.linalg.svdvals(whole.view(SHAPE.dims, 5)).square()
        expected = float((square / (square + THRESHOLD**2)).sum())
        assert row == pytest.approx(expected, rel=1e-8)
        assert 0.5 < expected < 5


@pytest.mark.parametrize(
    ("kind", "options", "statistic"),
    [(*FLOWS[0], FlowDimension()), (*FLOWS[2], FlowDimension()), (VAE, {}, DecoderDimension())],
)
def test_a_batch_changes_no_dimension(
    kind: type[DensityModule], options: dict[str, object], statistic: Statistic
) -> None:
    model, x = made(kind, options).float(), images(5)
    together = statistic.compute(x, model)["intrinsic_dimension"]
    alone = statistic.compute(x[3:4], model)["intrinsic_dimension"]
    assert alone == pytest.approx(together[3:4], rel=1e-4)


def test_a_dimension_comes_from_the_score_where_there_is_one() -> None:
    registry = Registry()
    known = {name: registry.load("statistics", name) for name in registry.names("statistics")}
    for kind, name in (
        (Diffusion, "score_terms"),
        (FlowMatching, "score_terms"),
        (Glow, "flow_dimension"),
        (TarFlow, "flow_dimension"),
        (VAE, "decoder_dimension"),
        (PixelCNN, None),
    ):
        assert provider("intrinsic_dimension", known, kind) == name
