"""Every command of the README runs as it stands."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from tests.packaging.pages import ROOT, blocks

import ood_bench
from ood_bench.suite import load_suite

README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_commands_between_the_docs_markers_run(tmp_path: Path) -> None:
    marked = [block.code for block in blocks(README) if block.note == "docs"]
    assert len(marked) == 2
    for name in ("suites", "results"):
        (tmp_path / name).mkdir()
    for suite in (ROOT / "suites").glob("*.yaml"):
        (tmp_path / "suites" / suite.name).write_bytes(suite.read_bytes())
    environment = {name: value for name, value in os.environ.items() if name != "OOD_BENCH_DATA"}
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    first = (
        "ood-bench run suites/quickstart.yaml --set 'datasets.fashion_mnist.limit={test: 60}' "
        "--set 'datasets.mnist.limit={test: 60}' --set datasets.noise.count=20"
    )  # the README's first command on few images, since the others are typed after it
    for script in (first, *marked):
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
    assert (tmp_path / "results" / "fashion.png").stat().st_size > 1000
    assert (tmp_path / "results" / "for-a-script" / "results.json").is_file()
    assert (tmp_path / "results" / "kept" / "cells.zip").is_file()


def test_every_suite_shown_or_shipped_is_valid(tmp_path: Path) -> None:
    shown = [block.code for block in blocks(README) if block.language == "yaml"]
    path = tmp_path / "shown.yaml"
    names = []
    for text in shown:
        path.write_text(text)
        names.append(load_suite(path).suite.name)
    assert names == ["mine", "photos"]
    for shipped in (ROOT / "suites").glob("*.yaml"):
        load_suite(shipped)


@pytest.mark.parametrize("target", re.findall(r"\]\(([^)#:]+)\)", README))
def test_every_file_that_the_readme_links_to_is_there(target: str) -> None:
    assert (ROOT / target).exists()


def test_the_page_on_seeds_has_the_numbers_of_the_kept_run() -> None:
    metrics = ood_bench.load_run(ROOT / "results" / "reference" / "detectors-zoo").metrics
    metrics = metrics.query("metric == 'auroc' and model == 'glow-gray' and outside == 'mnist'")
    page = (ROOT / "docs" / "seeds.md").read_text(encoding="utf-8")
    rows = re.findall(r"(?m)^\| `(\S+)` \| (.+) \|$", page)
    assert len(rows) == 10
    for detector, shown in rows:
        of = metrics[metrics["detector"] == detector]
        pooled = of[of["seed"] == "all"].iloc[0]
        each = of[of["seed"] != "all"].sort_values("seed")
        widest = ((each["high"] - each["low"]) / 2).max()
        values = ", ".join(f"{value:.3f}" for value in each["value"])
        parts = (
            values,
            f"{each['value'].std():.3f}",
            f"{widest:.3f}",
            f"{pooled['low']:.3f} to {pooled['high']:.3f}",
        )
        assert shown == " | ".join(parts), detector
