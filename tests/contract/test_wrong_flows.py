"""A right flow obeys every law; what goes wrong in flows breaks one, if only once trained."""

import math

import pytest
import torch
from torch import Tensor, nn

from ood_bench.data import Shape
from ood_bench.lit import DensityModule
from ood_bench.testing import MODEL_LAWS, ModelSubject, Verdict


class Scaling(DensityModule):
    """A matrix and a scale that all pixels share, and a standard normal prior."""

    def __init__(self, shape: Shape) -> None:
        super().__init__(shape)
        c = shape.channels
        turned = torch.eye(c) + 0.3 * torch.randn(c, c, generator=torch.Generator().manual_seed(0))
        self.weight = nn.Parameter(turned)
        self.log_scale = nn.Parameter(torch.ones(c))
        self.shift = nn.Parameter(torch.full((c,), -1.5))

    @property
    def pixels(self) -> int:
        return self.shape.height * self.shape.width

    def flow(self, y: Tensor) -> tuple[Tensor, Tensor]:
        z = torch.einsum("ij,bjhw->bihw", self.weight, y)
        z = z * self.log_scale.exp()[:, None, None] + self.shift[:, None, None]
        return z, self.pixels * (torch.linalg.slogdet(self.weight)[1] + self.log_scale.sum())

    def prior(self, z: Tensor) -> Tensor:
        return (-0.5 * z.square() - 0.5 * math.log(2 * math.pi)).flatten(1).sum(dim=1)

    def noised(self, x: Tensor) -> Tensor:
        return self.dequantize(x)

    def log_prob(self, x: Tensor) -> Tensor:
        z, log_volume = self.flow(self.noised(x))
        return self.prior(z) + log_volume - self.shape.dims * math.log(256)


class SubtractsTheVolume(Scaling):
    def flow(self, y: Tensor) -> tuple[Tensor, Tensor]:
        z, log_volume = super().flow(y)
        return z, -log_volume


class CountsTheVolumeOfOnePixel(Scaling):
    def flow(self, y: Tensor) -> tuple[Tensor, Tensor]:
        z, log_volume = super().flow(y)
        return z, log_volume / self.pixels


class ForgetsTheMatrix(Scaling):
    def flow(self, y: Tensor) -> tuple[Tensor, Tensor]:
        return super().flow(y)[0], self.pixels * self.log_scale.sum()


class ForgetsTheVolume(Scaling):
    def flow(self, y: Tensor) -> tuple[Tensor, Tensor]:
        return super().flow(y)[0], torch.zeros(())


class ForgetsThePriorsConstant(Scaling):
    def prior(self, z: Tensor) -> Tensor:
        return -0.5 * z.square().flatten(1).sum(dim=1)


class TakesThePriorsConstantTwice(Scaling):
    def prior(self, z: Tensor) -> Tensor:
        return super().prior(z) - 0.5 * self.shape.dims * math.log(2 * math.pi)


class CutsTheVolumesGradient(Scaling):
    def flow(self, y: Tensor) -> tuple[Tensor, Tensor]:
        z, log_volume = super().flow(y)
        return z, log_volume.detach()


class CutsTheMatrixsGradient(Scaling):
    def flow(self, y: Tensor) -> tuple[Tensor, Tensor]:
        volume = torch.linalg.slogdet(self.weight)[1].detach()
        return super().flow(y)[0], self.pixels * (volume + self.log_scale.sum())


class AddsNoNoise(Scaling):
    def noised(self, x: Tensor) -> Tensor:
        self.admit(x)
        return x.float() / 255


class AddsNoNoiseToTheMiddle(Scaling):
    def noised(self, x: Tensor) -> Tensor:
        self.admit(x)
        return (x.float() + 0.5) / 256


class AddsHalfTheNoise(Scaling):
    def dequantize(self, x: Tensor) -> Tensor:
        return (super().dequantize(x) + x.float() / 256) / 2


class TakesLogitsWithoutTheirJacobian(Scaling):
    def noised(self, x: Tensor) -> Tensor:
        return torch.logit(0.05 + 0.9 * self.dequantize(x))


class Mixture(DensityModule):
    """Normals a pixel whose narrow components find their places slowly; right at every step."""

    def __init__(self, shape: Shape) -> None:
        super().__init__(shape)
        self.mean = nn.Parameter(torch.linspace(0.45, 0.55, 5).repeat(shape.dims, 1))
        self.log_width = nn.Parameter(torch.full((shape.dims, 5), -2.3))
        self.weight = nn.Parameter(torch.zeros(shape.dims, 5))

    def log_prob(self, x: Tensor) -> Tensor:
        y = self.dequantize(x).flatten(1)[..., None]
        normal = torch.distributions.Normal(self.mean, self.log_width.exp())
        joint = normal.log_prob(y) + self.weight.log_softmax(dim=1)
        return (joint.logsumexp(dim=2) - math.log(256)).sum(dim=1)


class Categorical(DensityModule):
    """A softmax a pixel over the levels: exact, and without noise."""

    log_prob_is = "exact"

    def __init__(self, shape: Shape) -> None:
        super().__init__(shape)
        self.logits = nn.Parameter(torch.zeros(shape.dims, 256))

    def log_prob(self, x: Tensor) -> Tensor:
        self.admit(x)
        table = self.logits.log_softmax(dim=1)
        levels = x.flatten(1).long()
        return table[torch.arange(self.shape.dims), levels].sum(dim=1)


class SaysItIsExact(Scaling):
    log_prob_is = "exact"


def verdicts(model: type[DensityModule]) -> dict[str, Verdict]:
    subject = ModelSubject.of(model)
    return {law.name: law.judge(subject) for law in MODEL_LAWS}


@pytest.mark.parametrize("model", [Scaling, Mixture, Categorical])
def test_a_right_model_breaks_no_law(model: type[DensityModule]) -> None:
    assert {v.law: v.says for v in verdicts(model).values() if v.outcome == "failed"} == {}


def test_a_slow_model_is_still_far_from_eight_bits_when_it_passes() -> None:
    said = verdicts(Mixture)["training_on_random_images_comes_near_eight_bits"].says
    assert float(said.split(" ")[0]) > 8.05


GRADIENT = "the_gradient_is_that_of_the_loss"
INTEGRAL = "the_density_of_floats_integrates_to_one"
BY_HEART = "an_image_learnt_by_heart_has_at_most_probability_one"
TRAINED = "training_on_random_images_comes_near_eight_bits"
MASS = "probabilities_add_up_to_at_most_one"


@pytest.mark.parametrize(
    ("mistake", "law"),
    [
        (SubtractsTheVolume, INTEGRAL),
        (SubtractsTheVolume, TRAINED),
        (CountsTheVolumeOfOnePixel, INTEGRAL),
        (ForgetsTheMatrix, INTEGRAL),
        (ForgetsTheVolume, INTEGRAL),
        (ForgetsThePriorsConstant, INTEGRAL),
        (TakesThePriorsConstantTwice, INTEGRAL),
        (CutsTheVolumesGradient, GRADIENT),
        (CutsTheVolumesGradient, TRAINED),
        (CutsTheMatrixsGradient, GRADIENT),
        (AddsNoNoise, BY_HEART),
        (AddsNoNoiseToTheMiddle, BY_HEART),
        (AddsHalfTheNoise, BY_HEART),
        (TakesLogitsWithoutTheirJacobian, INTEGRAL),
        (SaysItIsExact, MASS),
    ],
)
def test_a_law_catches(mistake: type[DensityModule], law: str) -> None:
    subject = ModelSubject.of(mistake)
    (found,) = (found for found in MODEL_LAWS if found.name == law)
    verdict = found.judge(subject)
    assert verdict.outcome == "failed", verdict.says
    assert verdict.advice
