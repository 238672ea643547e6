"""The columns of a model: complete, float64, the same however images are batched."""

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from ood_bench.capabilities import DensityModel
from ood_bench.data import Shape
from ood_bench.statistics import batches
from ood_bench.statistics.decomposition import DecompositionTerms
from ood_bench.statistics.log_prob import LogProb
from ood_bench_models.glow import Glow

Images = NDArray[np.uint8]


@pytest.fixture(scope="module")
def images() -> Images:
    return np.random.default_rng(0).integers(0, 256, (23, 1, 4, 4), dtype=np.uint8)


@pytest.fixture
def glow(images: Images) -> Iterator[Glow]:
    """A Glow that was initialised and then moved off its initialisation."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        glow = Glow(Shape(1, 4, 4), levels=1, steps=2, width=4)
        glow.initialise(torch.from_numpy(images))
        with torch.no_grad():
            for parameter in glow.parameters():
                parameter.add_(0.05 * torch.randn_like(parameter))
        yield glow.eval()


class Uniform:
    """The uniform distribution over images; not finite for images that start with 255."""

    def log_prob(self, x: Tensor) -> Tensor:
        log_prob = torch.full((len(x),), -x[0].numel() * 5.545177444479562)
        return torch.where(x[:, 0, 0, 0] == 255, torch.nan, log_prob)


def test_log_prob_is_the_models(glow: Glow, images: Images) -> None:
    column = LogProb().compute(images, glow)["log_prob"]
    with torch.no_grad():
        expected = glow.log_prob(torch.from_numpy(images)).double().numpy()
    assert column == pytest.approx(expected, rel=1e-6)
    assert column.dtype == np.float64
    assert column.shape == (23,)


def test_the_terms_are_the_flows_and_add_up_to_log_prob(glow: Glow, images: Images) -> None:
    columns = DecompositionTerms().compute(images, glow)
    assert set(columns) == set(DecompositionTerms.columns)
    with torch.no_grad():
        log_prior, log_volume = glow.decompose(torch.from_numpy(images))
    assert columns["log_prior"] == pytest.approx(log_prior.numpy(), rel=1e-6)
    assert columns["log_volume"] == pytest.approx(log_volume.numpy(), rel=1e-6)
    assert (columns["log_prob"] == columns["log_prior"] + columns["log_volume"]).all()
    assert columns["log_prob"] == pytest.approx(LogProb().compute(images, glow)["log_prob"])
    assert all(column.dtype == np.float64 for column in columns.values())


@pytest.mark.parametrize("values", [1, 5 * 16, 23 * 16, 10**9])
def test_the_batch_size_changes_no_column(
    values: int, glow: Glow, images: Images, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = DecompositionTerms().compute(images, glow)
    monkeypatch.setitem(batches.VALUES_PER_BATCH, "cpu", values)
    found = DecompositionTerms().compute(images, glow)
    for name, column in expected.items():
        assert found[name] == pytest.approx(column, rel=1e-6)


def test_batches_hold_the_values_that_the_device_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = []

    def compute(x: Tensor) -> dict[str, Tensor]:
        sizes.append(len(x))
        return {"first": x[:, 0, 0, 0]}

    monkeypatch.setitem(batches.VALUES_PER_BATCH, "cpu", 4 * 12)
    x = np.arange(10, dtype=np.uint8)[:, None, None, None] * np.ones((1, 3, 2, 2), np.uint8)
    column = batches.in_batches(x, Uniform(), compute)["first"]
    assert sizes == [4, 4, 2]
    assert column.tolist() == list(range(10))


def test_values_that_are_not_finite_are_not_hidden() -> None:
    x = np.zeros((3, 1, 2, 2), np.uint8)
    x[1, 0, 0, 0] = 255
    column = LogProb().compute(x, Uniform())["log_prob"]
    assert np.isnan(column).tolist() == [False, True, False]


def test_images_that_cannot_be_written_to_are_scored(glow: Glow, images: Images) -> None:
    frozen = images.copy()
    frozen.setflags(write=False)
    assert LogProb().compute(frozen, glow)["log_prob"].shape == (23,)


def test_scoring_leaves_no_gradients(glow: Glow, images: Images) -> None:
    LogProb().compute(images, glow)
    assert all(parameter.grad is None for parameter in glow.parameters())


def test_images_go_to_the_models_device(glow: Glow) -> None:
    assert batches.device_of(glow) == torch.device("cpu")
    assert batches.device_of(glow.to("meta")) == torch.device("meta")
    with_buffer = torch.nn.BatchNorm1d(2, affine=False, device="meta")
    assert batches.device_of(with_buffer) == torch.device("meta")
    assert batches.device_of(Uniform()) == torch.device("cpu")


@pytest.mark.gpu
def test_a_gpu_gives_the_columns_of_the_cpu(glow: Glow, images: Images) -> None:
    expected = DecompositionTerms().compute(images, glow)
    found = DecompositionTerms().compute(images, glow.to("cuda"))
    for name, column in expected.items():
        assert found[name] == pytest.approx(column, rel=1e-4)


def test_a_model_that_names_no_terms_is_refused() -> None:
    x = np.zeros((1, 1, 2, 2), np.uint8)
    with pytest.raises(ValueError, match="Uniform does not name Decomposes"):
        DecompositionTerms().compute(x, Uniform())
    with pytest.raises(ValueError, match="NoneType does not name DensityModel"):
        LogProb().compute(x, None)


def test_any_class_with_log_prob_is_a_density_model() -> None:
    assert isinstance(Uniform(), DensityModel)
