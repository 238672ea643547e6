"""Roles: what detectors ask for beside a model is trained once, shared, and theirs alone."""

import csv
import json
import re
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from tests.conftest import Command
from tests.stored import members

from ood_bench import load_run
from ood_bench.data import Library, Shape
from ood_bench.data.options import DataOptions
from ood_bench.data.partition import partition
from ood_bench.errors import OodBenchError

ROLES = """\
extends: tiny.yaml
name: roles
roles:
  background: {mutation: 0.3}
  members: {seeds: [0, 1]}
  classifier: {options: {width: 8}, training: {steps: 30}}
models:
  vae: {options: {latent: 2, channels: [4], samples: 2}}
detectors:
  likelihood:
  typicality-5: {use: typicality, options: {group: 5}}
  background_ratio:
  waic:
  msp:
  mahalanobis:
  knn: {options: {k: 3}}
analyses: [histogram]
pairs:
  - {inside: low, outside: [high], models: [glow, vae]}
  - {inside: high, outside: [low], models: [glow, vae]}
evaluation: {train_images: 100, resamples: 100, baseline: likelihood}
claims: []
quoted:
  - {detector: likelihood, inside: low, outside: high, auroc: [0.0, 0.01], source: nobody}
"""


@pytest.fixture
def roles(tiny: Path) -> Path:
    """A suite with all roles, over digits that have labels."""
    values, labels = load_digits(return_X_y=True)
    pixels = (np.asarray(values) * 15).astype(np.uint8).reshape(-1, 1, 8, 8)
    low = np.asarray(labels) < 5
    for name, chosen, first in (("low", low, 0), ("high", ~low, 5)):
        classes = np.asarray(labels)[chosen] - first
        np.savez(
            tiny.parent / f"{name}.npz",
            train_images=pixels[chosen][:600],
            train_labels=classes[:600],
            test_images=pixels[chosen][600:],
            test_labels=classes[600:],
        )
    path = tiny.parent / "roles.yaml"
    path.write_text(ROLES)
    return path


OWN = """\
import torch
from torch import Tensor, nn

from ood_bench.capabilities import Classification
from ood_bench.data import Shape
from ood_bench.lit import ClassifierModule


class Perceptron(ClassifierModule):
    def __init__(self, shape: Shape, *, classes: int = 10) -> None:
        super().__init__(shape, classes=classes)
        self.hidden = nn.Sequential(nn.Flatten(), nn.Linear(shape.dims, 16), nn.ReLU())
        self.head = nn.Linear(16, classes)

    def classify(self, y: Tensor) -> Classification:
        features = self.hidden(y)
        return Classification(self.head(features), features)
"""


def rows(folder: Path, name: str = "results") -> list[dict[str, str]]:
    (path,) = folder.glob(f"results/roles-*/tables/{name}.csv")
    return list(csv.DictReader(path.read_text().splitlines()))


def names(folder: Path, kind: str) -> list[str]:
    manifests = members(folder / "results").values()
    cells = [json.loads(manifest.read_text()) for manifest in manifests]
    return sorted(cell["name"] for cell in cells if cell["kind"] == kind)


def test_what_detectors_ask_for_is_trained_once_and_shared(roles: Path, ood_bench: Command) -> None:
    done = ood_bench("run", roles)
    assert done.status == 0, done.err
    trained = names(roles.parent, "train")
    assert trained == sorted(
        f"train/{model}@{inside}/{seed}"
        for inside in ("low", "high")
        for model, seed in (
            *((model, seed) for model in ("glow", "vae") for seed in (0, 1)),
            ("glow-background", 0),
            ("vae-background", 0),
            ("classifier", 0),
        )
    )
    measured = {
        (row["model"], row["inside"], row["detector"]): row
        for row in rows(roles.parent)
        if row["metric"] == "auroc" and row["seed"] == "all"
    }
    of_models = {"likelihood", "typicality-5", "background_ratio", "waic"}
    for inside in ("low", "high"):
        for model in ("glow", "vae"):
            assert {d for m, i, d in measured if (m, i) == (model, inside)} == of_models
        assert {d for m, i, d in measured if (m, i) == ("classifier", inside)} == {
            "msp",
            "mahalanobis",
            "knn",
        }
    grouped = measured["glow", "low", "typicality-5"]
    alone = measured["glow", "low", "likelihood"]
    assert int(grouped["n_outside"]) == int(alone["n_outside"]) // 5
    assert "scores of groups of 5 images" in grouped["note"]


def test_adding_a_detector_computes_its_own_cells_and_no_others(
    roles: Path, ood_bench: Command
) -> None:
    assert ood_bench("run", roles).status == 0
    roles.write_text(ROLES.replace("  msp:\n", "  msp:\n  energy:\n"))
    planned = ood_bench("run", roles, "--dry-run").out
    new = [line.split()[-1] for line in planned.splitlines() if "will run" in line]
    assert new, "the new detector has cells of its own"
    assert all("/energy" in name for name in new), new
    assert len(new) == 2 * (2 + 1)  # scores of both sides and a metric, both ways round


def test_a_comparison_is_written_with_both_directions_and_published_values(
    roles: Path, ood_bench: Command
) -> None:
    assert ood_bench("run", roles).status == 0
    (report,) = roles.parent.glob("results/roles-*/report.md")
    page = report.read_text()
    head = (
        "| Model | Detector | Extra input | Trainings | low → high | high → low | Mean of 2 pairs |"
    )
    assert page.count(head) == 2
    groups = page.split("## Detector ranking, groups of images")[1].split("##")[0]
    assert {line.split(" | ")[1] for line in groups.splitlines() if "groups of 5" in line} == {
        "typicality-5"
    }
    table = re.sub(r"(?<=\| glow) [¹²³⁴⁵⁶⁷⁸⁹⁰,]+(?= \|)", "", page)  # it has learnt nothing yet
    assert "| glow | waic | an ensemble | one training" in table
    assert (
        "| classifier | mahalanobis | a classifier, labels, training images | one training |"
        in table
    )
    assert "| glow | typicality-5 | groups of 5 images | one training |" in table
    assert "| nobody |" in page
    assert "above |" in page
    for figure in ("auroc", "directions", "heatmap"):
        assert (report.parent / f"figures/overview-{figure}.png").stat().st_size > 10_000
    differences = rows(roles.parent, "comparison")
    assert {row["detector"] for row in differences} == {"background_ratio", "waic"}
    assert all(float(row["p"]) <= float(row["p_holm"]) for row in differences)


def test_a_role_that_nobody_plays_is_a_skip_with_its_reason(
    roles: Path, ood_bench: Command
) -> None:
    text = ROLES[: ROLES.index("roles:\n")] + ROLES[ROLES.index("models:\n") :]
    roles.write_text(text)
    planned = ood_bench("run", roles, "--dry-run").out
    for line in (
        "glow × waic: the suite defines no roles.members",
        "vae × background_ratio: the suite defines no roles.background",
        "classifier@low × msp: the suite defines no roles.classifier",
    ):
        assert line in planned


def test_a_classifier_needs_labels_and_says_whose_are_missing(
    roles: Path, digits: dict[str, np.ndarray], ood_bench: Command
) -> None:
    high = digits["high"]
    np.savez(roles.parent / "high.npz", train_images=high[:600], test_images=high[600:])
    planned = ood_bench("run", roles, "--dry-run").out
    assert "classifier@high × msp: the training images of 'high' have no labels" in planned
    assert "detect/classifier@low/0/high/msp" in planned


FITTED = """\
extends: roles.yaml
name: roles
datasets: {seen: {npz: seen.npz}}
detectors:
  knn: {options: {k: 1}}
  knn-held_out: {use: knn, options: {k: 1, fit_on: held_out}}
pairs: [{inside: low, outside: [seen], models: [glow]}]
evaluation:
  {fit_images: 50, held_out_images: 40, train_images: 100, resamples: 100, audit: false, baseline: }
quoted: []
"""


def test_a_detector_of_a_classifier_is_fitted_on_what_it_was_trained_on_or_on_what_was_held_out(
    roles: Path, ood_bench: Command
) -> None:
    """Each image that a detector was fitted on is its own nearest neighbour, at distance 0."""
    split = np.load(roles.parent / "low.npz")["train_images"]
    np.savez(roles.parent / "seen.npz", test_images=split)
    path = roles.parent / "fitted.yaml"
    path.write_text(FITTED)
    assert ood_bench("run", path, "--only", "metric/classifier@low/*").status == 0
    run = load_run(next(roles.parent.glob("results/roles-*")))
    data = Library(root=None, index=None).info(
        "low", DataOptions(npz=roles.parent / "low.npz"), "train", Shape(1, 8, 8)
    )
    parts = partition(600, digest=data.digest, validation=20, held_out=60)
    fitted: list[tuple[str, Literal["train", "held_out"], NDArray[np.int64]]] = [
        ("knn", "train", parts.train[:50]),
        ("knn-held_out", "held_out", parts.held_out[:40]),
    ]
    for detector, part, chosen in fitted:
        scores = run.scores("classifier", detector, "seen")
        assert set(np.flatnonzero(scores < 1e-6)) == set(chosen)
        columns = run.statistics("classifier", "low", part=part)
        assert len(columns) == len(chosen)
        seen = run.statistics("classifier", "seen")
        name = "classifier.features.0"
        np.testing.assert_allclose(columns[name], seen[name][chosen], rtol=1e-5)
    scores = run.scores("classifier", "knn", "seen")
    kept = load_run(run.archive(roles.parent / "kept"))
    pd.testing.assert_series_equal(kept.scores("classifier", "knn", "seen"), scores)
    with pytest.raises(OodBenchError, match="no train columns of classifier on low are kept"):
        kept.statistics("classifier", "low", part="train")
    whole = load_run(run.archive(roles.parent / "whole", scores=False))
    assert len(whole.statistics("classifier", "low", part="train")) == len(parts.train[:50])
    pd.testing.assert_series_equal(whole.scores("classifier", "knn", "seen"), scores)


@pytest.mark.parametrize("given", [False, True])
def test_a_classifier_of_ones_own_plays_the_role_trained_here_or_elsewhere(
    roles: Path, ood_bench: Command, given: bool
) -> None:
    (roles.parent / "perceptron.py").write_text(OWN)
    entry = "use: './perceptron.py:Perceptron'"
    if given:
        weights = {
            "hidden.1.weight": torch.randn(16, 64),
            "hidden.1.bias": torch.zeros(16),
            "head.weight": torch.randn(5, 16),
            "head.bias": torch.zeros(5),
        }
        torch.save(weights, roles.parent / "perceptron.pt")
        entry += ", checkpoint: perceptron.pt"
    own = ROLES.replace("options: {width: 8}, training: {steps: 30}", entry)
    roles.write_text(own.replace("  knn:", "  odin:\n  vim:\n  knn:"))
    done = ood_bench("run", roles, "--only", "metric/classifier@low/*")
    assert done.status == 0, done.err
    assert {row["detector"] for row in rows(roles.parent)} == {
        "msp", "mahalanobis", "odin", "vim", "knn"
    }  # fmt: skip


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("mutation: 0.3", "mutation: 0.3, model: vae", "say either `mutation` or `model`"),
        ("mutation: 0.3", "model: vaee", "the suite has no model 'vaee'; did you mean 'vae'"),
        ("seeds: [0, 1]", "seeds: [0, 0]", "one of them is given twice"),
        ("baseline: likelihood", "baseline: likelihod", "no detector 'likelihod'; did you mean"),
        ("detector: likelihood,", "detector: likelyhood,", "no detector 'likelyhood'"),
        ("options: {width: 8}", "options: {widht: 8}", "no option 'widht'; did you mean 'width'"),
        ("options: {width: 8}", "options: {width: 9}", "a width that 8 divides"),
    ],
)
def test_mistakes_in_roles_are_one_line_each(
    roles: Path, ood_bench: Command, old: str, new: str, message: str
) -> None:
    roles.write_text(ROLES.replace(old, new))
    done = ood_bench("run", roles)
    assert done.status == 2
    assert message in done.err
    assert len(done.err.strip().splitlines()) == 1
