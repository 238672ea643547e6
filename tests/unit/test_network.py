"""A network of any origin as a classifier: its own logits, its features, its input."""

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from tests.networks import ByConvolution, Net, WithLogits
from torch import Tensor, nn
from torch.nn.functional import interpolate

from ood_bench.data import Shape
from ood_bench.errors import PluginError
from ood_bench.lit import FitReport, ImageInput, NetworkClassifier, adopt, build, fit
from ood_bench.lit.class_order import other_order
from ood_bench.recipe import Recipe
from ood_bench.testing import CLASSIFIER_LAWS, ClassifierSubject, Law, random_images
from ood_bench_models.classifier import Classifier
from ood_bench_models.module_classifier import ModuleClassifier

SHAPE = Shape(1, 8, 8)


def displaced(network: nn.Module) -> nn.Module:
    """Give batch normalisation statistics of its own."""
    generator = torch.Generator().manual_seed(0)
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm2d):
            assert layer.running_mean is not None
            assert layer.running_var is not None
            layer.running_mean.copy_(torch.randn(layer.num_features, generator=generator))
            layer.running_var.copy_(torch.rand(layer.num_features, generator=generator) + 0.5)
    return network


def images(shape: Shape = SHAPE, n: int = 5) -> Tensor:
    return random_images(shape, n) / 255.0


@torch.no_grad()
def test_logits_are_the_networks_own_and_features_what_its_last_layer_takes() -> None:
    network = displaced(Net())
    assert isinstance(network, Net)
    model = NetworkClassifier(SHAPE, network, classes=3).eval()
    y = images()
    logits, features = model.classify(y)
    assert torch.equal(logits, network(y))
    assert torch.equal(features, network.penultimate(y))
    assert torch.equal(network.fc(features), logits)
    assert model.has_linear_head()


@torch.no_grad()
@pytest.mark.parametrize("kind", [WithLogits, ByConvolution])
def test_the_last_layer_is_found_in_other_forms(kind: type[Net]) -> None:
    model = NetworkClassifier(SHAPE, displaced(kind()), classes=3).eval()
    logits, features = model.classify(images())
    if kind is WithLogits:
        assert features.shape == (5, 7)
        assert torch.equal(model.network(images()).logits, logits)
    else:
        assert features.shape == (5, 6)
        weight = model.network.get_submodule("fc").get_parameter("weight").flatten(1)
        bias = model.network.get_submodule("fc").get_parameter("bias")
        torch.testing.assert_close(features @ weight.T + bias, logits)


@torch.no_grad()
def test_features_are_the_output_of_a_named_layer_averaged_over_pixels() -> None:
    network = displaced(Net())
    assert isinstance(network, Net)
    for path, linear in (("stem", False), ("pool", False), ("hidden", False)):
        model = NetworkClassifier(SHAPE, network, classes=3, features=path).eval()
        logits, features = model.classify(images())
        assert torch.equal(logits, network(images()))
        assert features.shape == (5, 7 if path == "hidden" else 6)
        assert model.has_linear_head() is linear
    model = NetworkClassifier(SHAPE, network, classes=3, features="norm").eval()
    maps = network.norm(network.stem(images()))
    torch.testing.assert_close(model.classify(images()).features, maps.mean(dim=(2, 3)))


class Pooled(nn.Module):
    """The mean over pixels and a last layer, as a ResNet ends."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.fc = nn.Conv2d(1, 6, 3), nn.Linear(6, 3)

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.fc(self.stem(x).mean(dim=(2, 3)))
        return found


@torch.no_grad()
def test_maps_that_the_network_averages_itself_are_what_its_last_layer_takes() -> None:
    network = Pooled()
    named = NetworkClassifier(SHAPE, network, classes=3, features="stem").eval()
    default = NetworkClassifier(SHAPE, network, classes=3).eval()
    assert named.has_linear_head()
    torch.testing.assert_close(named.classify(images()), default.classify(images()))


@torch.no_grad()
def test_outputs_are_put_in_the_order_of_the_classes() -> None:
    network = Net(outputs=5)
    model = NetworkClassifier(SHAPE, network, classes=3, outputs=(4, 0, 2)).eval()
    assert torch.equal(model.classify(images()).logits, network.eval()(images())[:, [4, 0, 2]])


@torch.no_grad()
@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
def test_a_gray_image_is_resized_scaled_and_repeated(interpolation: str) -> None:
    image_input = ImageInput(
        SHAPE,
        channels=3,
        size=(5, 6),
        interpolation=interpolation,  # type: ignore[arg-type]
        mean=(0.1, 0.2, 0.3),
        std=(0.5, 0.25, 1.0),
    )
    y = images()
    small = interpolate(y, (5, 6), mode=interpolation, antialias=True).clamp(0, 1)
    expected = torch.cat([(small - 0.1) / 0.5, (small - 0.2) / 0.25, small - 0.3], dim=1)
    torch.testing.assert_close(image_input(y), expected)
    assert not image_input.state_dict()


def test_bicubic_values_beyond_an_image_are_clipped() -> None:
    step = torch.zeros(1, 1, 8, 8)
    step[..., 4:] = 1.0
    larger = ImageInput(SHAPE, size=32, interpolation="bicubic")(step)
    assert larger.min() == 0
    assert larger.max() == 1


def test_constructing_leaves_statistics_modes_and_the_random_state_alone() -> None:
    network = Net()
    network.norm.train()
    before = torch.random.get_rng_state()
    model = NetworkClassifier(SHAPE, network, classes=3, features="hidden")
    model.has_linear_head()
    assert torch.equal(torch.random.get_rng_state(), before)
    assert network.norm.num_batches_tracked == 0
    assert network.training
    assert not any(layer._forward_hooks for layer in network.modules())


OPTIONS = {"build": "tests.networks:Net"}


@pytest.mark.parametrize("law", [pytest.param(law, id=law.name) for law in CLASSIFIER_LAWS])
@pytest.mark.parametrize(
    "options",
    [
        OPTIONS,
        {"build": "tests.networks:WithLogits", "mean": 0.3, "std": 0.2},
        {**OPTIONS, "arguments": {"channels": 3}, "channels": 3, "size": 9},
        {**OPTIONS, "arguments": {"outputs": 5}, "outputs": [1, 4, 0]},
    ],
    ids=["plain", "scaled", "resized", "ordered"],
)
def test_a_module_of_a_package_obeys(
    options: dict[str, object], law: Law[ClassifierSubject]
) -> None:
    law.hold(ClassifierSubject.of("module_classifier", options))


def test_features_of_an_earlier_layer_are_not_asked_for_a_linear_head() -> None:
    (law,) = (law for law in CLASSIFIER_LAWS if "affine" in law.name)
    verdict = law.judge(ClassifierSubject.of("module_classifier", {**OPTIONS, "features": "stem"}))
    assert verdict.outcome == "skipped"
    assert "an earlier layer" in verdict.says
    cosine = {"build": "tests.networks:ByCosine", "features": "hidden"}
    assert law.judge(ClassifierSubject.of("module_classifier", cosine)).outcome == "failed"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"build": "no.such:Net"}, "build 'no.such:Net' does not import: ModuleNotFoundError"),
        ({"build": "./none.py:Net"}, "does not import: FileNotFoundError"),
        ({"build": "tests.networks"}, "write package.module:callable"),
        ({"build": "math:pi"}, "build 'math:pi' is a float and cannot be called"),
        ({**OPTIONS, "arguments": {"depth": 2}}, "unexpected keyword argument 'depth'"),
        ({"build": "tests.networks:whole"}, "a network is an nn.Module, not a list"),
        ({"build": "tests.networks:FeatureMaps"}, r"returns \(2, 6, 8, 8\) for 2 images, not log"),
        ({"build": "tests.networks:ByCosine"}, "not the output of a linear layer; name the layer"),
        ({"build": "tests.networks:Squashing"}, "not the output of a linear layer; name the layer"),
        ({**OPTIONS, "arguments": {"outputs": 10}}, "returns 10 logits, and there are 3 classes;"),
        ({**OPTIONS, "arguments": {"channels": 3}}, "Net takes no images of 1×8×8: RuntimeError"),
        ({**OPTIONS, "features": "stemm"}, "has no layer 'stemm'; did you mean 'stem'"),
        ({**OPTIONS, "features": "fc"}, "'fc' returns the logits; leave `features` out"),
        ({**OPTIONS, "outputs": [0, 1]}, "outputs has 2 numbers for 3 classes"),
        ({**OPTIONS, "outputs": [0, 1, 1]}, "different numbers from 0 to 2"),
        ({**OPTIONS, "outputs": [0, 1, 3]}, "different numbers from 0 to 2"),
        ({**OPTIONS, "mean": 125.3}, r"mean is of images on \[0, 1\], got 125.3; divide"),
        ({**OPTIONS, "std": 0.0}, "std must be positive"),
        ({**OPTIONS, "mean": [0.1, 0.2]}, "mean has 2 numbers, and the network takes 1 channels"),
        ({**OPTIONS, "size": 0}, "size must be positive"),
        ({**OPTIONS, "channels": 0}, "channels is 0"),
        ({**OPTIONS, "size": [1, 2, 3]}, "size"),
        ({**OPTIONS, "interpolation": "nearest"}, "interpolation"),
    ],
)
def test_a_module_that_does_not_fit_is_one_line(options: dict[str, object], message: str) -> None:
    with pytest.raises(PluginError, match=message) as error:
        ClassifierSubject.of("module_classifier", options, shape=SHAPE)
    assert "\n" not in str(error.value)


def test_colour_images_are_not_repeated() -> None:
    with pytest.raises(ValueError, match="channels is 1, and images of 3×8×8 have 3"):
        ImageInput(Shape(3, 8, 8), channels=1)


def bright(n: int, *, classes: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Return images whose brightness is their class, and the classes."""
    labels = np.arange(n) % classes
    noise = np.random.default_rng(0).integers(0, 40, (n, *SHAPE))
    return (noise + (labels * 100)[:, None, None, None]).astype(np.uint8), labels.astype(np.int64)


def trained(folder: Path, *, steps: int) -> tuple[NetworkClassifier, FitReport]:
    model = build(ModuleClassifier, SHAPE, {**OPTIONS, "classes": 3}, 0)
    x, labels = bright(600)
    options = {"steps": steps, "batch_size": 64, "learning_rate": 1e-2, "precision": "float32"}
    recipe = Recipe.model_validate(options)
    split = (labels[:300], labels[300:])
    report = fit(model, recipe, x[:300], x[300:], labels=split, seed=0, workdir=folder)
    return model, report


def test_it_is_trained_as_any_classifier_and_scores_with_kept_statistics(tmp_path: Path) -> None:
    model, report = trained(tmp_path, steps=120)
    assert report.accuracy_validation is not None
    assert report.accuracy_validation > 0.9
    assert not model.network.training
    y = images()
    with torch.no_grad():
        whole = model.classify(y)
        torch.testing.assert_close(model.classify(y[2:3]).logits, whole.logits[2:3])


def test_weights_in_another_order_of_classes_are_refused_with_the_order(tmp_path: Path) -> None:
    model, report = trained(tmp_path, steps=120)
    weights = model.network.state_dict()
    for name in ("fc.weight", "fc.bias"):
        weights[name] = weights[name][[2, 0, 1]]
    save_file(weights, tmp_path / "turned.safetensors")
    x, labels = bright(300)

    def adopted(**options: object) -> FitReport:
        other = build(ModuleClassifier, SHAPE, {**OPTIONS, "classes": 3, **options}, 0)
        return adopt(other, tmp_path / "turned.safetensors", x, batch_size=64, labels=labels)

    with pytest.raises(PluginError, match=r"with the option `outputs: \[1, 2, 0\]`") as error:
        adopted()
    assert "\n" not in str(error.value)
    assert adopted(outputs=(1, 2, 0)).accuracy_validation == pytest.approx(
        report.accuracy_validation, abs=0.05
    )
    with pytest.raises(PluginError, match=r"with the option `outputs: \[1, 2, 0\]`"):
        adopted(outputs=(2, 0, 1))


def test_an_order_is_proposed_for_no_network_that_merely_errs() -> None:
    rng = np.random.default_rng(0)
    for n, classes in ((40, 3), (300, 10), (3000, 10)):
        labels = rng.choice(classes, n, p=np.arange(1, classes + 1) / sum(range(classes + 1)))
        assert other_order(rng.integers(0, classes, n), labels, classes) is None
        assert other_order(np.full(n, classes - 2), labels, classes) is None
        assert other_order(np.where(rng.random(n) < 0.3, labels, 1), labels, classes) is None
    labels = np.arange(3000) % 10
    swapped = np.array([0, 1, 3, 2, 4, 5, 6, 7, 8, 9])[labels]
    found = other_order(swapped, labels, 10)
    assert found is not None
    assert found.outputs == (0, 1, 3, 2, 4, 5, 6, 7, 8, 9)
    assert (found.recall, found.own) == (1.0, 0.8)


@pytest.mark.parametrize("above", ["", "module.", "model."])
@pytest.mark.parametrize("counted", [True, False])
def test_weights_keep_their_own_names_and_may_lie_below_one(
    tmp_path: Path, above: str, counted: bool
) -> None:
    network = displaced(Net())
    weights = {f"{above}{name}": value for name, value in network.state_dict().items()}
    if not counted:
        del weights[f"{above}norm.num_batches_tracked"]
    torch.save({"state_dict": weights, "epoch": 3}, tmp_path / "net.pt")
    x, labels = random_images(SHAPE, 30).numpy(), np.arange(30) % 3
    model = build(ModuleClassifier, SHAPE, {**OPTIONS, "classes": 3}, 0)
    adopt(model, tmp_path / "net.pt", x, batch_size=8, labels=labels)
    assert not model.training
    with torch.no_grad():
        assert torch.equal(model.classify(images()).logits, network.eval()(images()))


def test_a_model_with_plain_names_takes_weights_that_lie_below_one(tmp_path: Path) -> None:
    trained, other = (build(Classifier, SHAPE, {"classes": 3, "width": 8}, n) for n in (0, 1))
    weights = {f"module.{name}": value for name, value in trained.state_dict().items()}
    torch.save(weights, tmp_path / "parallel.pt")
    x, labels = bright(30)
    adopt(other, tmp_path / "parallel.pt", x, batch_size=8, labels=labels)
    with torch.no_grad():
        assert torch.equal(other.classify(images()).logits, trained.classify(images()).logits)


def test_weights_of_another_width_name_what_does_not_fit(tmp_path: Path) -> None:
    torch.save(Net(width=9).state_dict(), tmp_path / "net.pt")
    x, labels = bright(30)
    model = build(ModuleClassifier, SHAPE, {**OPTIONS, "classes": 3}, 0)
    with pytest.raises(PluginError, match=r"has the shape \(9, .*the options that it was") as error:
        adopt(model, tmp_path / "net.pt", x, batch_size=8, labels=labels)
    assert "it lacks" not in str(error.value)
