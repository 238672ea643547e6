"""Statistics of a network that removes noise, against closed forms for Gaussian images."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from ood_bench.capabilities import Denoises
from ood_bench.noise import normal_noise
from ood_bench.statistics.diffusion_path import STEPS, DiffusionPath
from ood_bench.statistics.inpainting_error import InpaintingError
from ood_bench.statistics.reconstruction_error import ReconstructionError
from ood_bench.statistics.score_norms import ScoreNorms
from ood_bench.statistics.score_terms import LEVEL, ScoreTerms

MEAN, STD = 0.4, 0.2


class OfGaussian(Denoises):
    """The best denoiser of independent normal pixels."""

    noise_levels = (0.001, 5.0)

    def denoise(self, noisy: Tensor, sigma: Tensor) -> Tensor:
        weight = STD**2 / (STD**2 + sigma.view(-1, 1, 1, 1) ** 2)
        return MEAN + weight * (noisy - MEAN)


class OfFewLevels(OfGaussian):
    noise_levels = (0.05, 0.2)


IMAGES = np.random.default_rng(0).integers(0, 256, (5, 2, 4, 4), dtype=np.uint8)
Y = IMAGES / 255.0


def test_score_norms_are_those_of_a_gaussian() -> None:
    found = ScoreNorms().compute(IMAGES, OfGaussian())
    distance = np.linalg.norm((Y - MEAN).reshape(5, -1), axis=1)
    assert list(found) == [f"score_norm.{number}" for number in range(10)]
    for number, sigma in enumerate(np.geomspace(0.01, 1.0, 10)):
        expected = sigma * distance / (STD**2 + sigma**2)
        assert found[f"score_norm.{number}"] == pytest.approx(expected, rel=1e-3)


def test_score_norms_stay_within_the_models_noise_levels() -> None:
    found = ScoreNorms().compute(IMAGES, OfFewLevels())
    distance = np.linalg.norm((Y - MEAN).reshape(5, -1), axis=1)
    for number, sigma in ((0, 0.05), (9, 0.2)):
        expected = sigma * distance / (STD**2 + sigma**2)
        assert found[f"score_norm.{number}"] == pytest.approx(expected, rel=1e-4)


def test_the_path_is_that_of_a_gaussian() -> None:
    """Each step is linear in y − mean, so ε is that times a number at every step."""
    found = DiffusionPath().compute(IMAGES, OfGaussian())
    factor, factors, levels = 1.0, [], np.geomspace(0.005, 5.0, STEPS)
    for number, sigma in enumerate(levels):
        factors.append(factor * sigma / (STD**2 + sigma**2))
        if number + 1 < STEPS:
            factor += (levels[number + 1] - sigma) * factors[-1]
    centred = (Y - MEAN).reshape(5, -1)
    for name, values in (("noise", np.array(factors)), ("change", STEPS * np.diff(factors))):
        for power in (1, 2, 3):
            expected = (values**power).sum() * (centred**power).sum(axis=1)
            column = found[f"diffusion_path.{name}_{power}"]
            assert column == pytest.approx(expected, rel=1e-2, abs=1e-2), (name, power)


def test_a_batch_changes_nothing() -> None:
    for statistic in (ScoreNorms(), DiffusionPath(), ReconstructionError(), InpaintingError()):
        together = statistic.compute(IMAGES, OfGaussian())
        alone = statistic.compute(IMAGES[3:4], OfGaussian())
        for name, values in together.items():
            assert alone[name] == pytest.approx(values[3:4], rel=1e-5), name


def test_terms_of_the_score_are_those_of_a_gaussian() -> None:
    """The trace is exact: the Jacobian is diagonal, and probes are signs."""
    found = ScoreTerms().compute(IMAGES, OfGaussian())
    variance, dims = STD**2 + LEVEL**2, Y[0].size
    square = LEVEL**2 * ((Y - MEAN) ** 2).reshape(5, -1).sum(axis=1) / variance**2
    trace = -dims * LEVEL**2 / variance
    assert found["score_square"] == pytest.approx(square, rel=1e-3)
    assert found["score_trace"] == pytest.approx(trace, rel=1e-3)
    assert found["intrinsic_dimension"] == pytest.approx(dims + square + trace, rel=1e-3)


class OnALine(OfGaussian):
    """The best denoiser of images whose pixels are all the same number, normally distributed."""

    def denoise(self, noisy: Tensor, sigma: Tensor) -> Tensor:
        mean = noisy.mean(dim=(1, 2, 3), keepdim=True)
        variance = sigma.view(-1, 1, 1, 1) ** 2 / noisy[0].numel()
        return (MEAN + STD**2 / (STD**2 + variance) * (mean - MEAN)).expand_as(noisy)


def test_images_on_a_line_have_one_dimension() -> None:
    gray = (
        np.full((1, 2, 16, 16), 100, dtype=np.uint8)
        + np.arange(40, dtype=np.uint8)[:, None, None, None]
    )
    found = ScoreTerms().compute(gray, OnALine())["intrinsic_dimension"]
    assert found.mean() == pytest.approx(1.0, abs=0.2)


def noise_of(salt: int) -> NDArray[np.float64]:
    drawn = normal_noise(torch.from_numpy(IMAGES), Y[0].size, salt)
    return drawn.double().numpy().reshape(Y.shape)


def test_reconstructions_are_those_of_a_gaussian() -> None:
    """Each step is linear in y − mean; errors are those of images clipped to [0, 1]."""
    found = ReconstructionError().compute(IMAGES, OfGaussian())
    assert list(found) == [f"reconstruction_error.{number}" for number in range(5)]
    levels = np.geomspace(0.1, 5.0, 10)
    for number, depth in enumerate((2, 4, 6, 8, 10)):
        y = Y + levels[depth - 1] * noise_of(number)
        for step in reversed(range(depth)):
            clean = MEAN + STD**2 / (STD**2 + levels[step] ** 2) * (y - MEAN)
            below = levels[step - 1] if step else 0.0
            y = clean + below / levels[step] * (y - clean)
        expected = np.square(y.clip(0, 1) - Y).reshape(5, -1).mean(axis=1)
        assert found[f"reconstruction_error.{number}"] == pytest.approx(expected, rel=1e-3)


class Black(OfGaussian):
    """Finds black images under any noise."""

    def denoise(self, noisy: Tensor, sigma: Tensor) -> Tensor:
        return torch.zeros_like(noisy)


def test_only_hidden_pixels_count_as_painted_wrong() -> None:
    found = InpaintingError().compute(IMAGES, Black())
    assert list(found) == [f"inpainting_error.{number}" for number in range(4)]
    light = np.add.outer(range(4), range(4)) % 2 == 0
    for number in range(4):
        hidden = light if number % 2 else ~light
        expected = (np.square(Y) * hidden).reshape(5, -1).mean(axis=1)
        assert found[f"inpainting_error.{number}"] == pytest.approx(expected, rel=1e-5)


def test_painting_in_is_that_of_a_gaussian() -> None:
    """Of independent pixels: the hidden ones are drawn as if the others were not there."""
    found = InpaintingError().compute(IMAGES, OfGaussian())["inpainting_error.1"]
    levels = np.geomspace(5.0, 0.02, 10)
    clean = y = 0.5 + levels[0] * noise_of(10)
    for step, level in enumerate(levels):
        clean = MEAN + STD**2 / (STD**2 + level**2) * (y - MEAN)
        if step < 9:
            below = levels[step + 1]
            mean = clean + below**2 / level**2 * (y - clean)
            spread = below * np.sqrt(1 - below**2 / level**2)
            y = mean + spread * noise_of(10 + step + 1)
    hidden = np.add.outer(range(4), range(4)) % 2 == 0
    expected = (np.square(clean - Y) * hidden).reshape(5, -1).mean(axis=1)
    assert found == pytest.approx(expected, rel=1e-3)


def test_what_is_hidden_is_painted_from_what_is_not() -> None:
    gray = (
        np.full((2, 1, 16, 16), 60, dtype=np.uint8)
        + np.array([0, 90], np.uint8)[:, None, None, None]
    )
    noise = np.random.default_rng(0).integers(0, 256, (2, 1, 16, 16), dtype=np.uint8)
    inside = InpaintingError().compute(gray, OnALine())
    outside = InpaintingError().compute(noise, OnALine())
    for name, values in inside.items():
        assert values.max() < 1e-3 < 0.02 < outside[name].min()
