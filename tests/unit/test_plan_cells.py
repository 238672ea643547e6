"""The cells of a suite are those of `plan_cells.json`: names, options, inputs and keys.

A key that changes has stored results computed again. Where that is meant, raise the revision of
what computes them, run `python -m tests.unit.test_plan_cells`, and read what changed.
"""

import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from sklearn.datasets import load_digits

from ood_bench.data import Library, Shape
from ood_bench.lit import build
from ood_bench.plan import Plan, build_plan
from ood_bench.registry import Registry
from ood_bench.suite import load_suite
from ood_bench_models.glow import Glow

KEPT = Path(__file__).with_name("plan_cells.json")

SUITE = """\
name: everything
title: Every kind of cell, every role
training:
  {steps: 20, batch_size: 16, held_out: 60, optimizer: adam, learning_rate: 1.0e-3, warmup: 2,
   schedule: halvings, clip_norm: null}
seeds: [3]
datasets:
  low: {npz: low.npz}
  high: {npz: high.npz}
  black: {use: constant, level: 0, count: 50}
roles:
  background: {mutation: 0.3}
  members: {seeds: [0, 1]}
  classifier: {options: {width: 8}, training: {steps: 30}}
models:
  glow: {options: {levels: 1, steps: 2, width: 8}}
  ready: {use: glow, options: {levels: 1, steps: 1, width: 8}, checkpoint: ready.safetensors}
ensembles:
  two: {of: glow, seeds: [3, 5]}
detectors:
  likelihood:
  groups: {use: typicality, options: {group: 5}}
  background_ratio:
  waic:
  mahalanobis:
analyses: [extremes, course, moments]
pairs:
  - {inside: low, outside: [high, black]}
evaluation:
  {train_images: 100, baseline: likelihood, level: 0.9, dequantization: {samples: 2}}
"""


def planned(folder: Path) -> Plan:
    """Plan the suite in a folder, with its data."""
    values, labels = load_digits(return_X_y=True)
    pixels = (np.asarray(values) * 15).astype(np.uint8).reshape(-1, 1, 8, 8)
    for name, first in (("low", 0), ("high", 5)):
        rows = (np.asarray(labels) >= first) & (np.asarray(labels) < first + 5)
        images, classes = pixels[rows], np.asarray(labels)[rows] - first
        train = {"train_images": images[:600], "train_labels": classes[:600]}
        test = {"test_images": images[600:], "test_labels": classes[600:]}
        np.savez(folder / f"{name}.npz", **train, **test)
    glow = build(Glow, Shape(1, 8, 8), {"levels": 1, "steps": 1, "width": 8}, 0)
    weights = {name: torch.zeros_like(value) for name, value in glow.state_dict().items()}
    save_file(weights, folder / "ready.safetensors")
    path = folder / "everything.yaml"
    path.write_text(SUITE)
    return build_plan(load_suite(path), Registry(), Library(root=None, index=None))


def cells(plan: Plan) -> dict[str, dict[str, Any]]:
    """Return all that the keys of a plan's cells depend on, inputs by the names of their cells."""
    names = {cell.key: cell.name for cell in plan.cells}
    return {
        cell.name: {
            "kind": cell.spec.family,
            "options": json.loads(json.dumps(cell.spec.hashed)),
            "inputs": {role: names[key] for role, key in cell.inputs.items()},
            "key": cell.key,
        }
        for cell in plan.cells
    }


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("OOD_BENCH_DATA", raising=False)
        return planned(tmp_path_factory.mktemp("everything"))


def test_a_suites_cells_are_those_that_are_kept(plan: Plan) -> None:
    found, kept = cells(plan), json.loads(KEPT.read_text())
    for name in kept:
        assert found.get(name) == kept[name], name
    assert found.keys() == kept.keys()


def test_every_cell_stands_after_what_it_reads(plan: Plan) -> None:
    seen: set[str] = set()
    for cell in plan.cells:
        assert set(cell.inputs.values()) <= seen, cell.name
        seen.add(cell.key)


def test_what_an_ensemble_or_given_weights_cannot_have_is_skipped_with_its_reason(
    plan: Plan,
) -> None:
    assert {skip.cell: skip.reason for skip in plan.skips} == {
        "ready × waic": "this model has one checkpoint, so all members would be the same",
        "ready × course": "it follows the training, and this model is loaded from a checkpoint "
        "without its course",
        "two × background_ratio": "it needs a single model with its background, not an ensemble",
        "two × waic": "it needs a single model with its members, not an ensemble",
        "two × course": "it needs a single trained model, not an ensemble",
    }


def test_the_plan_says_what_each_detector_takes_beside_the_model(plan: Plan) -> None:
    assert plan.uses == {
        "likelihood": "none",
        "groups": "groups of 5 images",
        "background_ratio": "a second model",
        "waic": "an ensemble",
        "mahalanobis": "a classifier, labels, training images",
    }


def main() -> None:
    """Keep the cells as they are now."""
    os.environ.pop("OOD_BENCH_DATA", None)
    with tempfile.TemporaryDirectory() as folder:
        found = cells(planned(Path(folder)))
    lines = (f"{json.dumps(name)}: {json.dumps(found[name], sort_keys=True)}" for name in found)
    KEPT.write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    sys.exit(main())
