"""Detectors of pytorch-ood by their import path: values, laws, what is refused."""

import sys
from typing import Any

import pytest
import torch
from tests.peer import pytorch_ood
from tests.unit.detectors.test_peers import (
    HEAD,
    IMAGES,
    KNOWN,
    LABEL,
    by_features,
    by_logits,
    by_maps,
    columns,
    of_maps,
)

from ood_bench.detectors.pytorch_ood_detectors import PytorchOod
from ood_bench.errors import PluginError
from ood_bench.testing import DETECTOR_LAWS, DetectorSubject

FIT = columns(KNOWN, LABEL)

OPTIONS: dict[str, dict[str, Any]] = {
    "EnergyBased": {},
    "KNN": {"k": 5},
    "PNML": {},
    "LTS": {},
    "ViM": {"d": 4},
    "DICE": {"p": 0.5},
    "ASH": {"variant": "ash-b"},
    "VRA": {},
}


def detector(name: str) -> PytorchOod:
    pytorch_ood("detector")
    return PytorchOod(estimator=f"pytorch_ood.detector.{name}", options=OPTIONS[name])


@pytest.mark.parametrize("name", OPTIONS)
def test_the_score_is_what_the_detector_of_pytorch_ood_says_itself(name: str) -> None:
    peers = pytorch_ood("detector")
    peer = getattr(peers, name)
    by, given = {
        "EnergyBased": (by_logits, (None,)),
        "KNN": (by_features, (None,)),
        "PNML": (by_features, (None, HEAD)),
        "LTS": (by_features, (None, HEAD)),
        "ViM": (by_features, (None,)),
        "DICE": (by_features, (None,)),
        "ASH": (by_maps, (None, of_maps)),
        "VRA": (by_maps, (None, of_maps)),
    }[name]
    layer = {"w": HEAD.weight, "b": HEAD.bias} if name in ("ViM", "DICE") else {}
    with torch.no_grad():
        expected = by(peer(*given, **layer, **OPTIONS[name])).numpy()
    scores = detector(name).fit(FIT)(columns(IMAGES))
    assert scores == pytest.approx(expected, rel=1e-3, abs=1e-4)


@pytest.mark.parametrize("name", OPTIONS)
def test_it_obeys_the_laws_of_detectors(name: str) -> None:
    pytorch_ood("detector")
    options = {"estimator": f"pytorch_ood.detector.{name}", "options": OPTIONS[name]}
    subject = DetectorSubject.of(PytorchOod, options)
    outcomes = {law.name: law.judge(subject) for law in DETECTOR_LAWS}
    finite = outcomes.pop("scores_are_finite_at_any_finite_value")
    assert {name: found for name, found in outcomes.items() if found.outcome == "failed"} == {}
    assert finite.outcome == "passed" or name in ("ASH", "PNML", "LTS", "VRA")


def test_mistakes_are_answered() -> None:
    pytorch_ood("detector")
    mistakes: tuple[tuple[str, dict[str, object], str], ...] = (
        ("sklearn.svm.OneClassSVM", {}, "must be the path of a class in pytorch_ood"),
        ("pytorch_ood.detector.KNM", {}, "no estimator 'KNM'; did you mean 'KNN'"),
        ("pytorch_ood.detector.ODIN", {}, "reads neither logits nor features alone"),
        ("pytorch_ood.detector.KNN", {"encoder": 1}, "'encoder' is part of the classifier"),
        ("pytorch_ood.detector.KNN", {"kk": 1}, "KNN has no option 'kk'; did you mean 'k'"),
        ("pytorch_ood.detector.ViM", {}, "ViM needs the option 'd'"),
    )
    for path, options, message in mistakes:
        with pytest.raises(ValueError, match=message):
            PytorchOod(estimator=path, options=options)
    few = {name: values[:3] for name, values in FIT.items()}
    with pytest.raises(ValueError, match="KNN cannot be fitted: .*exceeds the number"):
        detector("KNN").fit(few)


def test_a_score_that_depends_on_the_batch_is_refused() -> None:
    """OpenMax of pytorch-ood 0.4.0 measures distances to the classes predicted in the batch."""
    pytorch_ood("detector")
    openmax = PytorchOod(estimator="pytorch_ood.detector.OpenMax")
    with pytest.raises(ValueError, match="OpenMax: its score of an image depends on the images"):
        openmax.fit(FIT)


def test_it_reads_labels_and_logits_only_to_be_fitted() -> None:
    assert detector("EnergyBased").needs == ("classifier.logits.*",)
    assert detector("KNN").fits_on == ("classifier.label",)
    vim = detector("ViM")
    assert (vim.needs, vim.fit_on) == (("classifier.features.*",), "train")
    assert vim.fits_on == ("classifier.label", "classifier.logits.*")


def test_without_pytorch_ood_the_message_says_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "pytorch_ood", None)
    with pytest.raises(PluginError, match=r"pip install 'ood-bench\[pytorch-ood\]'"):
        PytorchOod()
