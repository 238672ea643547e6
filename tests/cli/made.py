"""A run without training: models' columns are made of random numbers, all else is computed."""

import json
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.conftest import within_pytest, write_tiny

from ood_bench.cells import Cell
from ood_bench.cli import main
from ood_bench.data import Library
from ood_bench.hashing import seed_for
from ood_bench.plan import build_plan
from ood_bench.registry import Registry
from ood_bench.store import Store, write_columns
from ood_bench.suite import load_suite

SUITE = """\
extends: tiny.yaml
name: made
title: Made-up numbers
about: No model is trained.
seeds: [0, 1]
training: {optimizer: adam, learning_rate: 1.0e-3, schedule: halvings, clip_norm: null}
ensembles: {both: {of: glow, seeds: [0, 1]}}
models: {glow: {}, cv-glow: {}}
detectors:
  likelihood:
  typicality: {models: [glow]}
  threes: {use: typicality, options: {group: 3}, models: [glow]}
analyses: [histogram, decomposition]
evaluation: {train_images: 100, level: 0.9, baseline: likelihood}
quoted:
  - {detector: likelihood, inside: low, outside: high, auroc: [0.1, 0.3], source: nobody}
claims:
  - id: T1
    says: Black images are likelier than digits
    source: here
    measure: bpd_outside(model='glow', outside='black') - bpd_inside(model='glow')
    expect: "< 0"
  - id: T2
    says: Typicality does better than the likelihood
    source: here
    measure: >-
      auroc(model='glow', outside='high', detector='typicality')
      - auroc(model='glow', outside='high', detector='likelihood')
    expect: "> 0"
  - id: T3
    says: Typicality accepts fewer images than the likelihood
    source: here
    measure: >-
      fpr95(model='glow', outside='high', detector='typicality')
      - fpr95(model='glow', outside='high', detector='likelihood')
    expect: "< 0"
"""

TRAINING = {
    "parameters": 1234,
    "steps": 20,
    "images": 320,
    "seconds": 2.5,
    "images_per_second": 128.0,
    "bpd_validation": 3.5,
    "precision": "float32",
    "device": "cpu",
    "divergences": [[5, 0.5]],
    "probe_seconds": 0.25,
    "accuracy_validation": None,
    "bpd_noise": 9.0,
    "bpd_histogram": 4.0,
}


def make(cell: Cell, folder: Path, count: int) -> None:
    """Write the files of a cell that a model would be needed for."""
    (folder / "circumstances.json").write_text('{"seconds": "2000.000"}')
    if cell.kind == "train":
        untrained = {"bpd_validation": 8.5} if cell.name == "train/cv-glow@low/1" else {}
        (folder / "training.json").write_text(json.dumps({**TRAINING, **untrained}))
        (folder / "data.json").write_text("{}")
        (folder / "weights.safetensors").write_bytes(b"")
        return
    _, model, _, data, *_ = cell.name.split("/")
    random = np.random.default_rng(seed_for(cell.key))
    bits = {"low": 3.6, "high": 3.2, "black": 1.0}[data] + 0.2 * model.startswith("cv-glow")
    log_prob = -64 * np.log(2) * random.normal(bits, 0.5, count)
    columns = {"log_prob": log_prob}
    if cell.spec.hashed["statistic"] == "decomposition":
        columns |= {"log_prior": 0.25 * log_prob, "log_volume": 0.75 * log_prob}
    write_columns(folder / "columns.parquet", columns)


def command(folder: Path, *arguments: object) -> None:
    """Run `ood-bench` in this process, with a folder as the working one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.delenv("OOD_BENCH_DATA", raising=False)
        patch.setenv("XDG_STATE_HOME", str(folder / "state"))
        patch.setenv("OOD_BENCH_JOBS", "1")
        patch.setattr(sys, "argv", ["ood-bench", *map(str, arguments)])
        with within_pytest(), pytest.raises(SystemExit) as stop:
            main()
    assert stop.value.code == 0


def run(folder: Path, digits: Mapping[str, NDArray[np.uint8]], *assignments: str) -> None:
    """Run the suite in a folder, changed by some assignments."""
    low, high = digits["low"].copy(), digits["high"].copy()
    low[600:604] = low[:4]  # images that train and test share, and that the sides do
    high[600:605], high[605:612] = low[610:615], low[10:17]
    write_tiny(folder, {"low": low, "high": high})
    path = folder / "made.yaml"
    path.write_text(SUITE)
    loaded = load_suite(path, assignments=list(assignments))
    plan = build_plan(loaded, Registry(), Library(root=None, index=None))
    store = Store(folder / "results" / "store")
    counts = {ref.info.digest: ref.info.count for ref in plan.data}
    for cell in plan.cells:
        if (cell.kind != "train" and "model" not in cell.inputs) or store.has(cell.key):
            continue
        part = cell.spec.hashed.get("part", "test")
        parts = {"held_out": 60, "train": 100, "test": counts[cell.spec.hashed["data"]]}
        with store.write(cell) as files:
            make(cell, files, parts[part])
    command(folder, "run", path, *(word for one in assignments for word in ("--set", one)))
