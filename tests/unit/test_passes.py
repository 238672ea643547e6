"""Passes through a network are those that a statistic takes."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.autograd import forward_ad

from ood_bench.data import Shape
from ood_bench.lit import DensityModule, build
from ood_bench.statistics import Statistic
from ood_bench.statistics.counting import counted
from ood_bench.statistics.decoder_dimension import DecoderDimension
from ood_bench.statistics.diffusion_path import DiffusionPath
from ood_bench.statistics.elbo import Elbo
from ood_bench.statistics.flow_dimension import FlowDimension
from ood_bench.statistics.gradient_norm import GradientNorm
from ood_bench.statistics.inpainting_error import InpaintingError
from ood_bench.statistics.input_gradient_norm import InputGradientNorm
from ood_bench.statistics.latent_normality import LatentNormality
from ood_bench.statistics.likelihood_path import LikelihoodPath
from ood_bench.statistics.likelihood_regret import LikelihoodRegret
from ood_bench.statistics.log_prob import LogProb
from ood_bench.statistics.passes import Passes
from ood_bench.statistics.posterior_norm import PosteriorNorm
from ood_bench.statistics.reconstruction_error import ReconstructionError
from ood_bench.statistics.score_norms import ScoreNorms
from ood_bench.statistics.score_terms import ScoreTerms
from ood_bench_models.diffusion import Diffusion
from ood_bench_models.glow import Glow
from ood_bench_models.pixelcnn import PixelCNN
from ood_bench_models.tarflow import TarFlow
from ood_bench_models.vae import VAE

SHAPE = Shape(1, 8, 8)
IMAGES = np.random.default_rng(0).integers(0, 256, (6, *SHAPE), dtype=np.uint8)


def made(kind: type[DensityModule], **options: object) -> DensityModule:
    model = build(kind, SHAPE, options, 0)
    model.initialise(torch.from_numpy(IMAGES))
    return model.eval()


DIFFUSION = {"channels": (4, 4), "samples": 3}
VAE_OF = {"latent": 3, "channels": (4,), "samples": 5}


@pytest.mark.parametrize(
    ("kind", "options", "statistic", "passes"),
    [
        (Diffusion, DIFFUSION, LogProb(), "3 F"),
        (Diffusion, DIFFUSION, ScoreNorms(), "10 F"),
        (Diffusion, DIFFUSION, DiffusionPath(), "10 F"),
        (Diffusion, DIFFUSION, ScoreTerms(), "1 F + 4 B"),
        (Diffusion, DIFFUSION, ReconstructionError(), "30 F"),
        (Diffusion, DIFFUSION, InpaintingError(), "40 F"),
        (VAE, VAE_OF, LogProb(), "5 F"),
        (VAE, VAE_OF, Elbo(), "1 F"),
        (VAE, VAE_OF, PosteriorNorm(), "1 F"),
        (VAE, VAE_OF, LikelihoodPath(), "1 F"),
        (Glow, {"levels": 2, "steps": 1, "width": 4}, LogProb(), "1 F"),
        (Glow, {"levels": 2, "steps": 1, "width": 4}, LatentNormality(), "1 F"),
        (Glow, {"levels": 2, "steps": 1, "width": 4}, InputGradientNorm(), "1 F + 1 B"),
        (Glow, {"levels": 2, "steps": 1, "width": 4}, FlowDimension(), "25 F + 24 J + 24 B"),
        (VAE, VAE_OF, DecoderDimension(), "3 F + 3 J"),
        (TarFlow, {"width": 8, "heads": 2}, LogProb(), "1 F"),
        (PixelCNN, {}, LogProb(), "1 F"),
    ],
)
def test_the_passes_of_a_statistic_are_counted(
    kind: type[DensityModule], options: dict[str, object], statistic: Statistic, passes: str
) -> None:
    model = made(kind, **options)
    with counted(model) as count:
        columns = statistic.compute(IMAGES, model)
    assert str(count.of(len(IMAGES))) == passes
    again = statistic.compute(IMAGES, model)
    assert all((columns[name] == again[name]).all() for name in columns)


def test_counting_changes_no_gradient_of_parameters_nor_how_it_is_taken() -> None:
    model = made(Glow, levels=2, steps=1, width=4)
    expected = GradientNorm().compute(IMAGES, model)
    with counted(model) as count:
        found = GradientNorm().compute(IMAGES, model)
    assert all((found[name] == expected[name]).all() for name in expected)
    passes = count.of(len(IMAGES))
    assert passes is not None
    assert 1 <= passes.backward <= passes.forward < 4  # some more, to choose how


def test_a_climb_is_counted_step_by_step() -> None:
    model = made(VAE, **VAE_OF)
    with counted(model) as count:
        LikelihoodRegret().compute(IMAGES, model)
    passes = count.of(len(IMAGES))
    assert passes is not None
    assert 20 <= passes.backward <= 100
    assert passes.forward == pytest.approx(5 + passes.backward * (1 + 5 / 20))


class Twice(nn.Module):
    """Calls one layer twice and another once, which itself calls a layer."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(4, 4)
        self.second = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))
        self.level = nn.Identity()

    def log_prob(self, x: Tensor) -> Tensor:
        self.level(torch.arange(1000.0))
        return self.second(self.first(self.first(x.flatten(1).float()))).sum(dim=1)


def test_the_part_that_is_passed_most_counts() -> None:
    model, x = Twice(), torch.zeros(5, 4)
    with counted(model) as count:
        model.log_prob(x)
        torch.autograd.grad(model.log_prob(x.requires_grad_()).sum(), x)
    assert count.of(5) == Passes(4, 0, 2)


def test_products_of_the_jacobian_are_counted() -> None:
    model, x = Twice(), torch.zeros(5, 4)
    with counted(model) as count:
        torch.func.jvp(model.log_prob, (x,), (x,))
        with forward_ad.dual_level():
            model.log_prob(forward_ad.make_dual(x, x))
    assert count.of(5) == Passes(4, 4, 0)


def test_nothing_is_left_behind_after_an_error() -> None:
    model = Twice()
    with counted(model) as count, pytest.raises(RuntimeError, match="shapes"):
        model.log_prob(torch.zeros(5, 3))
    assert not any(part._forward_hooks or part._forward_pre_hooks for part in model.modules())
    with counted(model) as count:
        model.log_prob(torch.zeros(5, 4))
    assert count.of(5) == Passes(2, 0, 0)


def test_a_model_without_parts_has_no_passes() -> None:
    with counted(object()) as count:
        pass
    assert count.of(1) is None
