"""Flow matching in a suite, with the detector of its latents."""

import csv
from pathlib import Path

from tests.conftest import Command

SUITE = """\
extends: tiny.yaml
name: latents
claims: []
analyses: []
evaluation: {audit: false, train_images: 20, resamples: 100}
training: {steps: 5, batch_size: 16, held_out: 30, validation: 10}
datasets:
  low: {limit: {test: 20}}
  high: {limit: {test: 20}}
models:
  flow: {use: flow_matching, options: {channels: [11], tolerance: 0.1, exact_dims: 0}}
detectors: [likelihood, sitn]
pairs:
  - {inside: low, outside: [high], models: [flow]}
"""


def test_the_latents_of_flow_matching_are_scored(tiny: Path, ood_bench: Command) -> None:
    suite = tiny.parent / "latents.yaml"
    suite.write_text(SUITE)
    done = ood_bench("run", suite)
    assert done.status == 0, done.err
    (table,) = suite.parent.glob("results/latents-*/tables/results.csv")
    with table.open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["metric"] == "auroc"]
    found = {row["detector"]: float(row["value"]) for row in rows}
    assert found.keys() == {"likelihood", "sitn"}
    assert 0 <= found["sitn"] <= 1
