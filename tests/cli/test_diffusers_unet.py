"""A network that was trained elsewhere, in a suite: scored, reported, exported, and refused."""

import shutil
from pathlib import Path

import pytest
from tests.conftest import Command
from tests.pipelines import write_pipeline

SUITE = """\
extends: tiny.yaml
name: elsewhere
claims: []
analyses: []
evaluation: {audit: false, train_images: 30, resamples: 100}
training: {steps: 0, held_out: 60, validation: 20}
models:
  unet: {use: diffusers_unet, options: {folder: pipe, samples: 2}}
detectors: [likelihood, diffpath, msma]
pairs:
  - {inside: low, outside: [high], models: [unet]}
"""


@pytest.fixture
def suite(tiny: Path) -> Path:
    """A suite beside the folder of a pipeline."""
    write_pipeline(tiny.parent / "pipe")
    path = tiny.parent / "elsewhere.yaml"
    path.write_text(SUITE)
    return path


def test_a_network_of_a_folder_is_scored_again_if_its_weights_change(
    suite: Path, ood_bench: Command
) -> None:
    done = ood_bench("run", suite)
    assert done.status == 0, done.err
    (page,) = suite.parent.glob("results/elsewhere-*/report.md")
    assert all(f"| {name} |" in page.read_text() for name in ("diffpath", "msma"))
    again = ("run", suite, "--dry-run", "--no-estimate")
    assert "will run" not in ood_bench(*again).out
    weights = suite.parent / "pipe/unet/diffusion_pytorch_model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    assert "will run  train/unet@low/0" in ood_bench(*again).out


def test_an_exported_network_takes_its_folder_along(
    suite: Path, ood_bench: Command, tmp_path: Path
) -> None:
    assert ood_bench("run", suite, "--set", "detectors=[likelihood]").status == 0
    kept = tmp_path / "kept"
    done = ood_bench("models", "export", "unet", "-o", kept)
    assert done.status == 0, done.err
    shutil.rmtree(suite.parent / "pipe")
    score = ("score", "--model", kept, "--images", "high.npz", "-o", "high.csv")
    done = ood_bench(*score)
    assert done.status == 0, done.err
    (kept / "folder-pipe/scheduler/scheduler_config.json").write_text("{}")
    refused = ood_bench(*score)
    assert (refused.status, len(refused.err.splitlines())) == (2, 1)
    assert "scheduler_config.json is not what was exported" in refused.err


def test_a_network_of_others_is_a_line_before_anything_is_computed(
    suite: Path, ood_bench: Command
) -> None:
    for folder, said in (
        ("absent", "folder: there is no folder"),
        ("wide", "takes images of 1×16×16, not of 1×8×8"),
    ):
        write_pipeline(suite.parent / "wide", size=16)
        suite.write_text(SUITE.replace("folder: pipe", f"folder: {folder}"))
        refused = ood_bench("run", suite)
        assert (refused.status, len(refused.err.splitlines())) == (2, 1)
        assert said in refused.err
        assert "elsewhere.yaml:8" in refused.err
    assert not (suite.parent / "results").exists()


def test_a_suite_that_extends_another_finds_the_folder_beside_the_other(
    suite: Path, ood_bench: Command
) -> None:
    (suite.parent / "below").mkdir()
    other = suite.parent / "below" / "other.yaml"
    other.write_text("extends: ../elsewhere.yaml\nname: other\n")
    done = ood_bench("run", other, "--dry-run", "--no-estimate")
    assert done.status == 0, done.err
    assert "will run  train/unet@low/0" in done.out
