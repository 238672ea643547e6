"""`ood-bench models export`: what is exported scores as the model does, wherever it lies."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file
from tests.cli.test_score import scored
from tests.conftest import NORMAL, Command

from ood_bench.hashing import file_sha256
from ood_bench.zoo import summary


def test_an_exported_model_scores_as_the_run_does_wherever_it_lies(
    finished: Path, photos: Path, tmp_path: Path, ood_bench: Command
) -> None:
    results = finished / "results"
    done = ood_bench("models", "export", "cv-glow", "--results", results, "-o", tmp_path / "kept")
    assert done.status == 0, done.err
    assert sorted(path.name for path in (tmp_path / "kept").iterdir()) == [
        "README.md",
        "course.parquet",
        "data.json",
        "held_out.parquet",
        "model.json",
        "training.json",
        "weights.safetensors",
    ]
    moved = (tmp_path / "kept").rename(tmp_path / "moved")
    for detector in ("likelihood", "typicality", "input_complexity"):
        arguments = ("--images", photos, "--detector", detector)
        before = scored(ood_bench, finished, "--model=cv-glow", *arguments)
        after = scored(ood_bench, tmp_path, "--model", moved, *arguments)
        pd.testing.assert_frame_equal(before, after)


def test_an_exported_model_has_a_card_and_can_be_fetched_by_a_name(
    finished: Path,
    photos: Path,
    tmp_path: Path,
    ood_bench: Command,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OOD_BENCH_ZOO", str(tmp_path / "zoo"))
    results, kept = finished / "results", tmp_path / "kept"
    assert ood_bench("models", "export", "glow", "--results", results, "-o", kept).status == 0
    told = summary(kept)
    (run,) = results.glob("tiny-*")
    table = pd.read_csv(run / "tables" / "results.csv")
    own = table.query("metric == 'bpd_inside' and model == 'glow' and seed == '0'")
    assert told.measured == pytest.approx(own["value"].item(), abs=1e-4)
    assert (told.plugin, told.data, told.measure) == ("glow", "low", "bits per dimension")
    card = (kept / "README.md").read_text()
    training = json.loads((kept / "training.json").read_text())
    assert f"{training['bpd_validation']:.3f}" in card
    assert "# kept\n" in card
    assert json.loads((kept / "data.json").read_text())["name"] == "low"
    assert ood_bench("models", "fetch", "mine", "--from", kept).status == 0
    listed = ood_bench("models", "zoo").out
    assert "mine" in listed
    assert "fetched" in listed
    by_name = scored(ood_bench, tmp_path, "--model=zoo:mine", "--images", photos)
    pd.testing.assert_frame_equal(
        by_name, scored(ood_bench, tmp_path, "--model", kept, "--images", photos)
    )


def test_an_export_has_large_tensors_in_float16_if_bits_per_dimension_stay_the_same(
    finished: Path,
    photos: Path,
    tmp_path: Path,
    ood_bench: Command,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    command = ("models", "export", "glow", "--results", finished / "results")
    full, half = tmp_path / "full", tmp_path / "half"
    monkeypatch.setattr("ood_bench.scoring.half.SMALL", (small := 100,))
    assert ood_bench(*command, "-o", full).status == 0
    done = ood_bench(*command, "--float16", photos, "-o", half)
    assert done.status == 0, done.err
    before, after = (load_file(folder / "weights.safetensors") for folder in (full, half))
    rounded = [name for name, value in after.items() if value.dtype == torch.float16]
    assert rounded
    for name, value in before.items():
        assert torch.equal(after[name], value.half() if name in rounded else value)
        assert (name in rounded) == (value.numel() > small)
    exact, bits = (
        scored(ood_bench, tmp_path, "--model", folder, "--images", photos)["bits_per_dim"]
        for folder in (full, half)
    )
    change = (bits - exact).abs().max()
    assert 0 < change <= 1e-3
    monkeypatch.setattr("ood_bench.scoring.half.TOLERANCE", 0.9 * change)
    assert ood_bench(*command, "--float16", photos, "-o", tmp_path / "fewer").status == 0
    fewer = load_file(tmp_path / "fewer" / "weights.safetensors")
    halved = {name for name, value in fewer.items() if value.dtype == torch.float16}
    assert halved < set(rounded)
    table = scored(ood_bench, tmp_path, "--model", tmp_path / "fewer", "--images", photos)
    assert 0 < (table["bits_per_dim"] - exact).abs().max() <= 0.9 * change
    monkeypatch.setattr("ood_bench.scoring.half.TOLERANCE", change / 2)
    monkeypatch.setattr("ood_bench.scoring.half.SHARES", ())
    done = ood_bench(*command, "--float16", photos, "-o", tmp_path / "refused")
    assert done.status == 2
    assert f"glow@low/0: float16 weights change an image by {change:.2g} bits" in done.err
    assert len(done.err.splitlines()) == 1
    assert not (tmp_path / "refused").exists()
    monkeypatch.setattr("ood_bench.scoring.half.SMALL", (small, 10**9))
    assert ood_bench(*command, "--float16", photos, "-o", tmp_path / "kept").status == 0
    kept = load_file(tmp_path / "kept" / "weights.safetensors")
    assert all(torch.equal(kept[name], value) for name, value in before.items())
    done = ood_bench(*command, "--float16", tmp_path / "nothing", "-o", tmp_path / "refused")
    assert (done.status, len(done.err.splitlines())) == (2, 1)


def test_a_model_of_a_file_travels_with_its_source(
    tiny: Path, digits: dict[str, np.ndarray], ood_bench: Command, tmp_path: Path
) -> None:
    (tiny.parent / "normal.py").write_text(NORMAL)
    own = "models={normal: {use: './normal.py:Normal'}}"
    run = ("run", tiny, "--set", own, "--set", "analyses=[]", "--set", "claims=[]")
    assert ood_bench(*run).status == 0
    exported = tmp_path / "exported"
    assert ood_bench("models", "export", "normal", "-o", exported).status == 0
    (tiny.parent / "normal.py").unlink()
    arguments = ("score", "--model", exported, "--images", "high.npz")
    refused = ood_bench(*arguments)
    assert refused.status == 2
    assert len(refused.err.splitlines()) == 1
    assert f"would run the file normal.py (SHA-256 {file_sha256(exported / 'normal.py')})" in (
        refused.err
    )
    assert "--trust-code" in refused.err
    done = ood_bench(*arguments, "-o", "high.csv", "--trust-code")
    assert done.status == 0, done.err
    (exported / "normal.py").write_text(NORMAL + "# changed\n")
    changed = ood_bench(*arguments, "--trust-code")
    assert changed.status == 2
    assert "normal.py is not what was exported" in changed.err


def test_a_model_of_files_travels_with_all_that_it_imports(
    tiny: Path, ood_bench: Command, tmp_path: Path
) -> None:
    folder = tiny.parent
    (folder / "normal.py").write_text(f"from parts import widths\n{NORMAL}")
    (folder / "parts").mkdir()
    (folder / "parts/widths.py").write_text("WIDTH = 0.3\n")
    (folder / "flow.py").write_text(
        "import torch\nfrom torch.distributions import Independent, Normal\n\n"
        "def build(dims):\n    return Independent(Normal(torch.zeros(dims), torch.ones(dims)), 1)\n"
    )
    own = "models={normal: {use: './normal.py:Normal'}, "
    own += "flow: {use: density, options: {build: './flow.py:build'}}}"
    less = [f"--set={name}=[]" for name in ("analyses", "claims")]
    assert ood_bench("run", tiny, "--set", own, "--set=training.steps=0", *less).status == 0
    for model in ("normal", "flow"):
        assert ood_bench("models", "export", model, "-o", tmp_path / "kept" / model).status == 0
    for name in ("normal.py", "parts/widths.py", "flow.py"):
        (folder / name).unlink()
    for model, code in (("normal", "the file parts/widths.py"), ("flow", "'./flow.py:build'")):
        exported = tmp_path / "kept" / model
        arguments = ("score", "--model", exported, "--images", "high.npz", "-o", "high.csv")
        refused = ood_bench(*arguments)
        assert (refused.status, len(refused.err.splitlines())) == (2, 1)
        assert code in refused.err
        assert "--trust-code" in refused.err
        done = ood_bench(*arguments, "--trust-code")
        assert done.status == 0, done.err
    beside = tmp_path / "kept" / "normal" / "torch.py"
    beside.write_text("")
    refused = ood_bench("score", "--model", beside.parent, "--images", "high.npz", "--trust-code")
    assert "'torch.py' is no file of the model that has a checksum" in refused.err
