"""The registered classifier obeys the laws, and the laws catch what classifiers get wrong."""

from typing import ClassVar

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import dropout

from ood_bench.capabilities import Classification
from ood_bench.data import Shape
from ood_bench.errors import PluginError
from ood_bench.lit import ClassifierModule
from ood_bench.testing import (
    CLASSIFIER_LAWS,
    ClassifierContract,
    ClassifierSubject,
    Law,
    check_classifier,
)
from ood_bench_models.glow import Glow


@pytest.mark.parametrize("law", [pytest.param(law, id=law.name) for law in CLASSIFIER_LAWS])
@pytest.mark.parametrize("options", [{"width": 8}, {"width": 8, "blocks": 2, "classes": 7}])
def test_the_registered_classifier_obeys(
    options: dict[str, object], law: Law[ClassifierSubject]
) -> None:
    law.hold(ClassifierSubject.of("classifier", options))


class Perceptron(ClassifierModule):
    """One hidden layer: a right classifier, for what follows to get wrong."""

    def __init__(self, shape: Shape, *, classes: int = 10, width: int = 12) -> None:
        super().__init__(shape, classes=classes)
        self.hidden = nn.Sequential(nn.Flatten(), nn.Linear(shape.dims, width), nn.ReLU())
        self.head = nn.Linear(width, classes)

    def classify(self, y: Tensor) -> Classification:
        features = self.hidden(y - 0.5)
        return Classification(self.head(features), features)


class TestByClass(ClassifierContract):
    """pytest collects the contract of a class."""

    model = Perceptron
    options: ClassVar = {"width": 9}


class SquashesTheLogits(Perceptron):
    def classify(self, y: Tensor) -> Classification:
        logits, features = super().classify(y)
        return Classification(logits.softmax(dim=1), features)


class ReadsTheBatch(Perceptron):
    def classify(self, y: Tensor) -> Classification:
        return super().classify(y - y.mean(dim=0))


class DropsOutInEvaluation(Perceptron):
    def classify(self, y: Tensor) -> Classification:
        return super().classify(dropout(y, 0.5))


class CutsTheGradient(Perceptron):
    def classify(self, y: Tensor) -> Classification:
        return super().classify((y * 255).round() / 255)


class HasAnIdleLayer(Perceptron):
    def __init__(self, shape: Shape, *, classes: int = 10) -> None:
        super().__init__(shape, classes=classes)
        self.idle = nn.Linear(2, 2)


class HasTenClasses(Perceptron):
    def __init__(self, shape: Shape, *, classes: int = 10) -> None:
        super().__init__(shape, classes=classes)
        self.head = nn.Linear(12, 10)


class KeepsTheFeatureMap(Perceptron):
    def classify(self, y: Tensor) -> Classification:
        logits, features = super().classify(y)
        return Classification(logits, features[:, :, None])


class ReturnsATuple(Perceptron):
    def classify(self, y: Tensor) -> Classification:
        return tuple(super().classify(y))  # type: ignore[return-value]  # the mistake


class FollowsNoLoss(Perceptron):
    def classify(self, y: Tensor) -> Classification:
        logits, features = super().classify(torch.full_like(y, 0.3) + 0 * y)
        return Classification(logits, features)


class KeepsAListOfLayers(Perceptron):
    def __init__(self, shape: Shape, *, classes: int = 10) -> None:
        super().__init__(shape, classes=classes)
        self.first = [nn.Linear(shape.dims, shape.dims)]

    def classify(self, y: Tensor) -> Classification:
        first: Tensor = self.first[0].to(y.dtype)(y.flatten(1))
        return super().classify(first)


ROWS = "logits_and_features_are_a_finite_row_an_image"


@pytest.mark.parametrize(
    ("mistake", "law", "says"),
    [
        (SquashesTheLogits, "logits_are_an_affine_function_of_the_features", "misses the logits"),
        (ReadsTheBatch, "scores_do_not_depend_on_the_batch", "differ alone"),
        (DropsOutInEvaluation, "scores_do_not_change_from_call_to_call", "one call to the next"),
        (CutsTheGradient, "logits_have_a_gradient_in_the_images", "is zero"),
        (HasAnIdleLayer, "every_parameter_gets_a_gradient", "idle.weight"),
        (HasTenClasses, ROWS, "(6, 10), not (6, 3)"),
        (KeepsTheFeatureMap, ROWS, "(6, 12, 1), not (6, F)"),
        (ReturnsATuple, ROWS, "returns a tuple"),
        (FollowsNoLoss, "training_tells_dark_images_from_bright_ones", "50%"),
        (KeepsAListOfLayers, "weights_survive_a_round_trip", "saved and loaded"),
    ],
)
def test_the_laws_catch(mistake: type[ClassifierModule], law: str, says: str) -> None:
    (found,) = (found for found in CLASSIFIER_LAWS if found.name == law)
    verdict = found.judge(ClassifierSubject.of(mistake))
    assert verdict.outcome == "failed", verdict
    assert says in verdict.says
    assert verdict.advice


def test_check_yields_a_verdict_for_every_law_and_the_speed() -> None:
    *found, speed = check_classifier(ClassifierSubject.of(Perceptron))
    assert [verdict.law for verdict in found] == [law.name for law in CLASSIFIER_LAWS]
    assert {verdict.outcome for verdict in found} == {"passed"}
    assert speed.outcome == "measured"
    assert "images of 1×28×28 scored per second" in speed.says


def test_a_model_that_is_no_classifier_is_refused() -> None:
    with pytest.raises(PluginError, match="'Glow' is no ClassifierModule; derive it"):
        ClassifierSubject.of(Glow)
    with pytest.raises(PluginError, match="width that 8 divides"):
        ClassifierSubject.of("classifier", {"width": 3})
