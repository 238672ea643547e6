"""Every command of the README runs as it stands."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from tests.packaging.pages import ROOT, blocks

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
    assert (tmp_path / "results" / "kept" / "results.csv").is_file()


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
