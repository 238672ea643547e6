"""Classifiers of timm by their name: input, last layer, refusals; nothing is downloaded."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.peer import timm

from ood_bench.data import Shape
from ood_bench.errors import PluginError
from ood_bench.lit import build
from ood_bench.testing import CLASSIFIER_LAWS, ClassifierSubject, Law, random_images
from ood_bench_models.timm_classifier import Timm

SHAPE = Shape(1, 8, 8)
SMALL = {"model": "test_resnet", "size": 12}


@pytest.mark.parametrize("law", [pytest.param(law, id=law.name) for law in CLASSIFIER_LAWS])
@pytest.mark.parametrize(
    "options",
    [SMALL, {"model": "test_vit", "channels": 3, "arguments": {"img_size": 32}}],
    ids=["resnet", "vit"],
)
def test_models_of_timm_obey(options: dict[str, object], law: Law[ClassifierSubject]) -> None:
    timm()
    law.hold(ClassifierSubject.of("timm", options))


@torch.no_grad()
@pytest.mark.parametrize(
    ("model", "head"),
    [
        ("test_resnet", "fc"),
        ("test_vit", "head"),
        ("test_convnext", "head.fc"),
        ("test_efficientnet", "classifier"),
        ("mobilenetv3_small_050", "classifier"),  # a subclass of nn.Linear
        ("resnetv2_18", "head.fc"),  # a convolution
    ],
)
def test_features_are_those_that_timm_gives_before_its_last_layer(model: str, head: str) -> None:
    timm()
    shape = Shape(3, 32, 32)
    arguments = {"img_size": 32} if "vit" in model else {}
    options = {"model": model, "classes": 4, "size": 32, "arguments": arguments}
    found = build(Timm, shape, options, 0).eval()
    y = random_images(shape, 3) / 255.0
    logits, features = found.classify(y)
    network: Any = found.network
    seen = found.image_input(y)
    assert torch.equal(logits, network(seen))
    maps = network.forward_features(seen)
    torch.testing.assert_close(features, network.forward_head(maps, pre_logits=True).flatten(1))
    assert found.last == head
    assert found.has_linear_head()


def test_size_scale_and_interpolation_are_those_of_timm_by_default() -> None:
    timm()
    colour = build(Timm, Shape(3, 32, 32), {"model": "test_vit"}, 0).image_input
    assert (colour.size, colour.interpolation) == ((160, 160), "bicubic")
    assert colour.mean.flatten().tolist() == [0.5, 0.5, 0.5]
    gray = build(Timm, SHAPE, {"model": "resnet18", "size": 32}, 0).image_input
    assert (gray.size, gray.channels, gray.interpolation) == ((32, 32), 1, "bicubic")
    assert float(gray.mean) == pytest.approx((0.485 + 0.456 + 0.406) / 3)
    assert float(gray.std) == pytest.approx((0.229 + 0.224 + 0.225) / 3)
    own = {"model": "resnet18", "size": 32, "mean": 0.1, "std": 0.2, "channels": 3}
    assert build(Timm, SHAPE, own, 0).image_input.mean.flatten().tolist() == pytest.approx([0.1])


def test_outputs_of_a_larger_network_are_chosen() -> None:
    timm()
    options = {**SMALL, "classes": 3, "outputs": (7, 1, 20), "arguments": {"num_classes": 100}}
    found = build(Timm, SHAPE, options, 0).eval()
    y = random_images(SHAPE, 2) / 255.0
    whole = found.network(found.image_input(y))
    assert torch.equal(found.classify(y).logits, whole[:, [7, 1, 20]])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"model": "resnet19"}, "timm has no model 'resnet19'; did you mean 'resnet1"),
        ({"model": "@"}, r"has no model '@'; timm.list_models\(\) has the names"),
        ({"model": "hf-hub:timm/resnet18.a1_in1k"}, "timm has no model 'hf-hub:"),
        ({**SMALL, "arguments": {"pretrained": True}}, "arguments.pretrained: give the weights"),
        ({**SMALL, "arguments": {"checkpoint_path": "a.pt"}}, "arguments.checkpoint_path: give"),
        ({**SMALL, "arguments": {"in_chans": 3}}, "arguments.in_chans: use the option `channels`"),
        ({**SMALL, "arguments": {"depht": 3}}, "timm cannot create 'test_resnet': TypeError"),
        ({**SMALL, "arguments": {"num_classes": 4}}, "returns 4 logits, and there are 3 classes"),
        ({**SMALL, "features": "layer9"}, "has no layer 'layer9'; did you mean 'layer[1-4]'"),
        ({**SMALL, "arguments": {"features_only": True}}, "FeatureListNet"),
        (
            {**SMALL, "features": "zzz"},
            "no layer 'zzz'; known: act1, bn1, conv1, fc, global_pool, ",
        ),
        (
            {"model": "vit_tiny_patch16_224", "size": 32},
            "VisionTransformer takes no images of 1×32",
        ),
    ],
)
def test_what_does_not_fit_is_one_line(options: Mapping[str, object], message: str) -> None:
    timm()
    with pytest.raises(PluginError, match=message) as error:
        ClassifierSubject.of("timm", options, shape=SHAPE)
    assert "\n" not in str(error.value)


def test_without_timm_the_message_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(PluginError, match=r"pip install 'ood-bench\[timm\]'") as error:
        ClassifierSubject.of("timm", SMALL, shape=SHAPE)
    assert "\n" not in str(error.value)


def test_a_torchvision_of_another_pytorch_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "timm.py").write_text(
        "raise RuntimeError('operator torchvision::nms does not exist')\n"
    )
    monkeypatch.delitem(sys.modules, "timm", raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(PluginError, match="torchvision::nms does not exist.* build of torchvision"):
        ClassifierSubject.of("timm", SMALL, shape=SHAPE)
