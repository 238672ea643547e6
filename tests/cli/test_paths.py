"""Paths in a suite are relative to the suite, from wherever it is run."""

import io
import shutil
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image
from tests.conftest import NORMAL, SUITE, Command, write_tiny

from ood_bench.data import Library
from ood_bench.files import read_sealed
from ood_bench.plan import build_plan
from ood_bench.registry import Registry
from ood_bench.suite import load_suite


@pytest.fixture
def sub(tmp_path: Path, digits: dict[str, np.ndarray], monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder `sub` below the working directory, with `tiny.yaml` and what it names."""
    folder = tmp_path / "sub"
    folder.mkdir()
    write_tiny(folder, digits)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("OOD_BENCH_DATA", raising=False)
    monkeypatch.setenv("OOD_BENCH_JOBS", "1")
    return folder


def write_high(folder: Path, form: str, pixels: np.ndarray) -> None:
    """Write some images under the name `high` in one of the forms that a suite may name."""
    if form == "npz":
        np.savez(folder / "high", test_images=pixels)
        return
    (folder / "pictures").mkdir()
    paths = [folder / f"pictures/{i:02}.png" for i in range(len(pixels))]
    for path, image in zip(paths, pixels, strict=True):
        Image.fromarray(image[0]).save(path)
    if form == "folder":
        (folder / "pictures").rename(folder / "high")
        return
    rows = [{"bytes": path.read_bytes(), "path": path.name} for path in paths]
    shutil.rmtree(folder / "pictures")
    pq.write_table(pa.table({"image": rows}), folder / "high.parquet")


NAMES = {"npz": "high.npz", "folder": "high", "parquet": "high.parquet"}


@pytest.mark.parametrize("form", NAMES)
def test_data_beside_a_suite_is_found_from_elsewhere(
    sub: Path, ood_bench: Command, digits: dict[str, np.ndarray], form: str
) -> None:
    (sub / "high.npz").unlink()
    write_high(sub, form, digits["high"][:20])
    (sub / "tiny.yaml").write_text(SUITE.replace("npz: high.npz", f"{form}: {NAMES[form]}"))
    planned = ood_bench("run", "sub/tiny.yaml", "--dry-run")
    assert planned.status == 0, planned.err
    assert "detect/glow@low/0/high/likelihood" in planned.out
    assert "not available" not in planned.out


@pytest.mark.parametrize("form", NAMES)
def test_data_in_the_working_directory_alone_is_one_line_with_both_places(
    sub: Path, ood_bench: Command, digits: dict[str, np.ndarray], form: str
) -> None:
    (sub / "high.npz").unlink()
    write_high(sub.parent, form, digits["high"][:20])
    (sub / "tiny.yaml").write_text(SUITE.replace("npz: high.npz", f"{form}: {NAMES[form]}"))
    for command in (["run", "sub/tiny.yaml"], ["run", "sub/tiny.yaml", "--dry-run"]):
        outcome = ood_bench(*command)
        assert outcome.status == 2
        (line,) = outcome.err.splitlines()
        assert f"there is nothing at sub/{NAMES[form]}" in line
        assert "paths in a suite are relative to the suite" in line


def test_a_path_set_on_the_command_line_is_relative_to_the_working_directory(
    sub: Path, ood_bench: Command
) -> None:
    (sub / "high.npz").rename(sub.parent / "moved.npz")
    for assignment in ("datasets.high.npz=moved.npz", "datasets.high={npz: moved.npz}"):
        outcome = ood_bench("run", "sub/tiny.yaml", "--dry-run", "--set", assignment)
        assert outcome.status == 0, outcome.err
        assert "detect/glow@low/0/high/likelihood" in outcome.out


def test_a_suite_that_extends_one_elsewhere_finds_what_stands_in_either(
    sub: Path, ood_bench: Command
) -> None:
    other = sub.parent / "other"
    other.mkdir()
    (sub / "low.npz").rename(other / "low.npz")
    (sub / "mine.py").write_text(NORMAL)
    (other / "base.py").write_text(NORMAL)
    base = SUITE.replace("npz: high.npz", "npz: gone.npz").replace(
        "models:\n", "models:\n  theirs: {use: ./base.py:Normal}\n"
    )
    (other / "base.yaml").write_text(base)
    (sub / "top.yaml").write_text(
        "extends: ../other/base.yaml\n"
        "name: top\n"
        "datasets: {high: {npz: high.npz}}\n"
        "models: {ours: {use: './mine.py:Normal'}}\n"
    )
    only = ("--only", "score/*/low/test/*", "--set", "training.steps=0")
    outcome = ood_bench("run", "sub/top.yaml", *only)
    assert outcome.status == 0, outcome.err
    planned = ood_bench("run", "sub/top.yaml", "--dry-run", *only).out
    for name in ("theirs", "ours"):
        assert f"stored  train/{name}@low/0" in planned


@pytest.mark.parametrize("place", ["plugin", "checkpoint"])
def test_files_of_a_model_in_the_working_directory_alone_are_one_line(
    sub: Path, ood_bench: Command, place: str
) -> None:
    (sub.parent / "mine.py").write_text(NORMAL)
    (sub.parent / "mine.pt").write_bytes(b"")
    entry = "use: ./mine.py:Normal" if place == "plugin" else "use: glow, checkpoint: mine.pt"
    (sub / "tiny.yaml").write_text(SUITE.replace("models:\n", f"models:\n  mine: {{{entry}}}\n"))
    outcome = ood_bench("run", "sub/tiny.yaml", "--dry-run")
    assert outcome.status == 2
    (line,) = outcome.err.splitlines()
    assert "paths in a suite are relative to the suite" in line


def test_cells_have_the_same_keys_from_wherever_the_suite_is_run(
    sub: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (sub / "mine.py").write_text(NORMAL)
    text = SUITE.replace("models:\n", "models:\n  mine: {use: './mine.py:Normal'}\n")
    (sub / "tiny.yaml").write_text(text)

    def keys(path: Path) -> list[str]:
        loaded = load_suite(path)
        library = Library(root=None, index=None, hub=False)
        return [cell.key for cell in build_plan(loaded, Registry(loaded.folder), library).cells]

    elsewhere, absolute = keys(Path("sub/tiny.yaml")), keys(sub / "tiny.yaml")
    monkeypatch.chdir(sub)
    assert keys(Path("tiny.yaml")) == elsewhere == absolute


def test_a_suite_is_read_from_standard_input(
    sub: Path, ood_bench: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(sub)

    def type_in(text: str) -> None:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))

    type_in(SUITE)
    outcome = ood_bench("run", "-", "--only", "metric/glow@low/0/high/likelihood")
    assert outcome.status == 0, outcome.err
    (record,) = sub.glob("results/tiny-*/run.json")
    assert read_sealed(record)["manifest"]["suite"] == "standard input"
    type_in(SUITE.replace("steps: 20", "steps: soon"))
    outcome = ood_bench("run", "-", "--dry-run")
    assert outcome.status == 2
    assert outcome.err.startswith("standard input:3: training.steps: ")
