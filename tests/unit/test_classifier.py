"""The classifier learns the classes, and is a function of each image alone."""

from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from ood_bench.capabilities import Classifies, DensityModel, has
from ood_bench.data import Shape
from ood_bench.lit import FitReport, build, fit
from ood_bench.recipe import Recipe
from ood_bench_models.classifier import Classifier

DIGITS = Shape(1, 8, 8)
OPTIONS = {"classes": 10, "width": 8}


def trained(folder: Path, **changes: object) -> tuple[Classifier, FitReport]:
    values, labels = load_digits(return_X_y=True)
    images = (np.asarray(values) * 15).astype(np.uint8).reshape(-1, *DIGITS)
    classes = np.asarray(labels).astype(np.int64)
    model = build(Classifier, DIGITS, OPTIONS, 0)
    options = {"steps": 150, "batch_size": 32, "learning_rate": 3e-3, "warmup": 10}
    recipe = Recipe.model_validate({**options, "precision": "float32", **changes})
    split = (classes[:1400], classes[1400:])
    report = fit(model, recipe, images[:1400], images[1400:], labels=split, seed=0, workdir=folder)
    return model, report


def test_it_learns_digits_and_reports_its_accuracy(tmp_path: Path) -> None:
    model, report = trained(tmp_path)
    assert report.accuracy_validation is not None
    assert report.accuracy_validation > 0.8
    assert report.bpd_validation is None
    assert not model.training
    _, before = trained(tmp_path / "untrained", steps=0)
    assert before.accuracy_validation is not None
    assert before.accuracy_validation < 0.4


def test_training_repeats_itself(tmp_path: Path) -> None:
    first, _ = trained(tmp_path / "a", steps=10)
    second, _ = trained(tmp_path / "b", steps=10)
    for name, value in first.state_dict().items():
        assert torch.equal(value, second.state_dict()[name]), name


@pytest.mark.parametrize("shape", [Shape(1, 28, 28), Shape(3, 32, 32), Shape(1, 5, 7)], ids=str)
def test_an_image_is_classified_alike_in_any_batch(shape: Shape) -> None:
    model = build(Classifier, shape, OPTIONS, 0).double()
    generator = torch.Generator().manual_seed(0)
    y = torch.rand(9, *shape, generator=generator, dtype=torch.float64)
    model.train()
    whole = model.classify(y)
    alone = model.classify(y[3:4])
    assert whole.features.shape == (9, 32)
    torch.testing.assert_close(alone.logits, whole.logits[3:4])
    torch.testing.assert_close(alone.features, whole.features[3:4])


def test_logits_are_affine_in_the_features_and_every_parameter_learns() -> None:
    model = build(Classifier, DIGITS, OPTIONS, 0)
    y = torch.rand(6, *DIGITS, requires_grad=True)
    found = model.classify(y)
    affine = found.features @ model.head.weight.T + model.head.bias
    torch.testing.assert_close(found.logits, affine)
    found.logits.square().sum().backward()
    assert y.grad is not None
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in model.parameters())


def test_it_is_a_classifier_and_no_density_and_refuses_what_it_cannot_be() -> None:
    assert has(Classifier, Classifies)
    assert not has(Classifier, DensityModel)
    for options, message in (
        ({"width": 12}, "a width that 8 divides"),
        ({"blocks": 0}, "blocks >= 1"),
        ({"classes": 1}, "at least two classes"),
    ):
        with pytest.raises(ValueError, match=message):
            Classifier(DIGITS, **{**OPTIONS, **options})
