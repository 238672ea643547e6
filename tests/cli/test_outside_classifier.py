"""A classifier that was trained elsewhere plays its role in a suite, and mistakes are one line."""

import csv
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from sklearn.datasets import load_digits
from tests.conftest import Command
from tests.peer import timm
from torch import nn

SUITE = """\
extends: tiny.yaml
name: outside
roles:
  classifier:
    use: module_classifier
    options: {build: './net.py:build', mean: 0.3, std: 0.4%s}
%s
detectors: [msp, mahalanobis, odin, vim, react]
analyses: [histogram]
pairs: [{inside: low, outside: [high], models: [glow]}]
evaluation: {train_images: 100, resamples: 100, audit: false}
claims: []
"""
NET = """\
from parts import block
from torch import nn


def build(outputs=5):
    return nn.Sequential(block(1, 16), nn.Flatten(), nn.Linear(16 * 64, 12), nn.ReLU(),
                         nn.Linear(12, outputs))
"""
PARTS = """\
from torch import nn


def block(channels, width):
    return nn.Sequential(nn.Conv2d(channels, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU())
"""


def network() -> nn.Sequential:
    block = nn.Sequential(nn.Conv2d(1, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU())
    return nn.Sequential(block, nn.Flatten(), nn.Linear(16 * 64, 12), nn.ReLU(), nn.Linear(12, 5))


@pytest.fixture(scope="module")
def elsewhere() -> dict[str, object]:
    """Digits with labels, and the weights of a network that a program of its own has trained."""
    values, labels = load_digits(return_X_y=True)
    pixels = (np.asarray(values) * 15).astype(np.uint8).reshape(-1, 1, 8, 8)
    low = np.asarray(labels) < 5
    x = (torch.tensor(pixels[low][:600]) / 255.0 - 0.3) / 0.4
    y = torch.tensor(np.asarray(labels)[low][:600])
    torch.manual_seed(0)
    trained = network()
    optimizer = torch.optim.Adam(trained.parameters(), lr=3e-3)
    for _ in range(40):
        optimizer.zero_grad()
        nn.functional.cross_entropy(trained(x), y).backward()
        optimizer.step()
    arrays = {
        name: {
            "train_images": pixels[chosen][:600],
            "train_labels": np.asarray(labels)[chosen][:600] - first,
            "test_images": pixels[chosen][600:],
            "test_labels": np.asarray(labels)[chosen][600:] - first,
        }
        for name, chosen, first in (("low", low, 0), ("high", ~low, 5))
    }
    return {"network": trained.eval(), "data": arrays}


@pytest.fixture
def folder(tiny: Path, elsewhere: dict[str, object]) -> Path:
    where = tiny.parent
    for name, arrays in elsewhere["data"].items():  # type: ignore[attr-defined]
        np.savez(where / f"{name}.npz", **arrays)
    torch.save(elsewhere["network"].state_dict(), where / "net.pt")  # type: ignore[attr-defined]
    (where / "net.py").write_text(NET)
    (where / "parts.py").write_text(PARTS)
    return where


def write(folder: Path, more: str = "", weights: str = "    checkpoint: net.pt") -> Path:
    path = folder / "outside.yaml"
    path.write_text(SUITE % (more, weights))
    return path


def aurocs(folder: Path) -> dict[str, float]:
    (path,) = folder.glob("results/outside-*/tables/results.csv")
    rows = csv.DictReader(path.read_text().splitlines())
    return {
        row["detector"]: float(row["value"])
        for row in rows
        if row["metric"] == "auroc" and row["seed"] == "all" and row["model"] == "classifier"
    }


def test_it_is_scored_as_its_own_program_scores_it_and_never_trained(
    folder: Path, ood_bench: Command, elsewhere: dict[str, object]
) -> None:
    done = ood_bench("run", write(folder), "--only", "metric/classifier@low/*")
    assert done.status == 0, done.err
    found = aurocs(folder)
    assert set(found) == {"msp", "mahalanobis", "odin", "vim", "react"}
    scores = []
    for arrays in elsewhere["data"].values():  # type: ignore[attr-defined]
        x = (torch.tensor(arrays["test_images"]) / 255.0 - 0.3) / 0.4
        with torch.no_grad():
            logits = elsewhere["network"](x)  # type: ignore[operator]
        scores.append(-logits.double().softmax(dim=1).max(dim=1).values.numpy())
    inside, outside = scores
    expected = np.mean(outside[:, None] > inside) + np.mean(outside[:, None] == inside) / 2
    assert found["msp"] == pytest.approx(expected, abs=1e-6)
    (page,) = folder.glob("results/outside-*/report.md")
    text = page.read_text().replace("\\", "")
    assert "module_classifier, net.pt" in text
    assert "% correct" in text.replace("\u202f", " ")
    assert (
        "will run"
        not in ood_bench(
            "run", folder / "outside.yaml", "--dry-run", "--only", "train/classifier@low/0"
        ).out
    )


def test_what_its_builder_returns_is_scored_as_it_is_with_zero_steps(
    folder: Path, ood_bench: Command
) -> None:
    given = write(folder)
    assert ood_bench("run", given, "--only", "metric/classifier@low/*").status == 0
    expected = aurocs(folder)
    (folder / "net.py").write_text(
        NET.replace("from torch", "import torch\nfrom torch", 1).replace("return ", "net = ")
        + f"    net.load_state_dict(torch.load({str(folder / 'net.pt')!r}))\n    return net\n"
    )
    (path,) = folder.glob("results/outside-*")
    path.rename(folder / "before")
    steps = write(folder, weights="    training: {steps: 0}")
    done = ood_bench("run", steps, "--only", "metric/classifier@low/*")
    assert done.status == 0, done.err
    assert aurocs(folder) == pytest.approx(expected)


def test_detectors_of_the_last_layer_are_skipped_where_features_are_of_an_earlier_one(
    folder: Path, ood_bench: Command
) -> None:
    planned = ood_bench("run", write(folder, ", features: '0'"), "--dry-run")
    assert planned.status == 0, planned.err
    for detector in ("vim", "react"):
        line = (
            f"classifier@low × {detector}: it reads the last, linear layer, and the features of "
            "the classifier are of an earlier one"
        )
        assert line in planned.out
    for detector in ("msp", "mahalanobis", "odin"):
        assert f"metric/classifier@low/0/high/{detector}" in planned.out
    whole = ood_bench("run", write(folder, ", features: '3'"), "--dry-run").out
    assert "metric/classifier@low/0/high/vim" in whole, "this layer's output enters the last one"


def test_a_changed_file_beside_its_code_is_another_classifier(
    folder: Path, ood_bench: Command
) -> None:
    path = write(folder)
    assert ood_bench("run", path, "--only", "train/classifier@low/0").status == 0
    planned = ("run", path, "--dry-run", "--only", "train/classifier@low/0")
    assert "will run" not in ood_bench(*planned).out
    (folder / "parts.py").write_text(PARTS + "\n# another version\n")
    assert "will run  train/classifier@low/0" in ood_bench(*planned).out


def test_a_classifier_of_timm_is_scored_with_weights_of_its_own(
    folder: Path, ood_bench: Command
) -> None:
    torch.manual_seed(0)
    network = timm().create_model("test_resnet", num_classes=5, in_chans=1)
    save_file(network.state_dict(), folder / "model.safetensors")
    path = write(folder, weights="    checkpoint: model.safetensors")
    module = "use: module_classifier\n    options: {build: './net.py:build', mean: 0.3, std: 0.4"
    own = "use: timm\n    options: {model: test_resnet, size: 16"
    assert module in path.read_text()
    path.write_text(path.read_text().replace(module, own))
    done = ood_bench("run", path, "--only", "metric/classifier@low/0/high/*")
    assert done.status == 0, done.err
    assert set(aurocs(folder)) == {"msp", "mahalanobis", "odin", "vim", "react"}
    path.write_text(path.read_text().replace("size: 16", "size: 16, arguments: {pretrained: true}"))
    done = ood_bench("run", path)
    assert done.status == 2
    assert "arguments.pretrained: give the weights as a file with `checkpoint`" in done.err
    assert len(done.err.strip().splitlines()) == 1


def test_a_model_of_an_extra_that_is_not_installed_is_one_line(
    folder: Path, ood_bench: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "timm", None)
    path = write(folder)
    text = path.read_text().replace("module_classifier", "timm")
    path.write_text(text.replace("build: './net.py:build'", "model: resnet18"))
    done = ood_bench("run", path)
    assert done.status == 2
    assert "pip install 'ood-bench[timm]'" in done.err
    assert len(done.err.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("more", "weights", "message"),
    [
        (", features: avgpool", "net.pt", "has no layer 'avgpool'"),
        (", arguments: {outputs: 7}", "net.pt", "returns 7 logits, and there are 5 classes"),
        (", classes: 3", "net.pt", "3 classes, and the labels of 'low' run to 4"),
        (", channels: 3", "net.pt", "takes no images of 3×8×8"),
        ("", "none.pt", "none.pt: cannot be read: No such file"),
        (", size: 9", "net.pt", "takes no images of 1×9×9"),
        (", siz: 9", "net.pt", "'module_classifier' has no option 'siz'; did you mean 'size'"),
        (", arguments: {outputs: 7}, outputs: [0, 1, 2, 3, 9]", "net.pt", "numbers from 0 to 6"),
        (", arguments: {outputs: 7}, outputs: [0, 1, 2, 3, 4]", "net.pt", "has the shape (5, 12)"),
    ],
)
def test_mistakes_are_one_line_before_anything_is_computed(
    folder: Path, ood_bench: Command, more: str, weights: str, message: str
) -> None:
    done = ood_bench("run", write(folder, more, f"    checkpoint: {weights}"))
    assert done.status == 2
    assert message in done.err
    assert "outside.yaml:" in done.err
    assert len(done.err.strip().splitlines()) == 1, done.err
