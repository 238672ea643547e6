"""ODIN, logits and features, by a linear classifier for which all is a closed form."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.special import softmax
from torch import Tensor, nn

from ood_bench.capabilities import Classification, Classifies
from ood_bench.detectors import family
from ood_bench.statistics import batches, in_family
from ood_bench.statistics.classification import ClassificationTerms
from ood_bench.statistics.odin import STEP, TEMPERATURE, Odin

Images = NDArray[np.uint8]
CLASSES = 12


def images(n: int) -> Images:
    return np.random.default_rng(0).integers(0, 256, (n, 1, 2, 3), dtype=np.uint8)


class Linear(nn.Module, Classifies):
    """Features are twice the pixels; logits are linear in them."""

    def __init__(self) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        weight = torch.randn(CLASSES, 6, generator=generator, dtype=torch.float64)
        self.weight = nn.Parameter(weight)

    def classify(self, y: Tensor) -> Classification:
        features = 2 * y.flatten(1)
        return Classification(features @ self.weight.T, features)


def test_odin_is_its_closed_form() -> None:
    x, classifier = images(9), Linear()
    found = Odin().compute(x, classifier)["odin"]
    weight = classifier.weight.detach().numpy()
    y = x.reshape(9, 6) / 255
    first = softmax(2 * y @ weight.T / TEMPERATURE, axis=1)
    # The gradient of log S_ŷ is 2 (w_ŷ − Σ_k S_k w_k) / T.
    slope = weight[first.argmax(axis=1)] - first @ weight
    moved = y - STEP * np.sign(-slope)
    expected = softmax(2 * moved @ weight.T / TEMPERATURE, axis=1).max(axis=1)
    assert found == pytest.approx(expected, rel=1e-12)
    assert found == pytest.approx(np.full(9, 1 / CLASSES), rel=0.02)
    assert len(np.unique(found)) == 9


def test_the_move_makes_the_decision_surer() -> None:
    x, classifier = images(9), Linear()
    with torch.no_grad():
        logits = classifier.classify(torch.from_numpy(x).double() / 255).logits
    before = (logits / TEMPERATURE).softmax(dim=1).amax(dim=1).numpy()
    assert (Odin().compute(x, classifier)["odin"] > before).all()


def test_float32_keeps_images_apart_near_one_in_k() -> None:
    x = images(50)
    exact = Odin().compute(x, Linear())["odin"]
    found = Odin().compute(x, Linear().float())["odin"]
    assert (np.argsort(found) == np.argsort(exact)).all()


def test_logits_and_features_are_columns_of_their_own() -> None:
    x, classifier = images(9), Linear()
    columns = ClassificationTerms().compute(x, classifier)
    with torch.no_grad():
        logits, features = classifier.classify(torch.from_numpy(x).double() / 255)
    assert family(columns, "logits") == pytest.approx(logits.numpy())
    assert family(columns, "features") == pytest.approx(features.numpy())
    assert len(columns) == CLASSES + 6
    assert all(any(in_family(c, n) for n in ClassificationTerms.columns) for c in columns)
    assert all(column.dtype == np.float64 for column in columns.values())


@pytest.mark.parametrize("statistic", [Odin(), ClassificationTerms()])
def test_the_batch_changes_nothing(
    statistic: Odin | ClassificationTerms, monkeypatch: pytest.MonkeyPatch
) -> None:
    x, classifier = images(9), Linear()
    expected = statistic.compute(x, classifier)
    monkeypatch.setitem(batches.VALUES_PER_BATCH, "cpu", 4 * 6)
    found = statistic.compute(x, classifier)
    for name, column in expected.items():
        assert found[name] == pytest.approx(column, rel=1e-12)
    assert classifier.weight.requires_grad
    assert classifier.weight.grad is None


@pytest.mark.parametrize("statistic", [Odin(), ClassificationTerms()])
def test_a_model_that_classifies_nothing_is_refused(statistic: Odin | ClassificationTerms) -> None:
    with pytest.raises(ValueError, match="NoneType does not name Classifies"):
        statistic.compute(images(1), None)
