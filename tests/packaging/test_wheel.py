"""The wheel holds both packages, the embedded data and the entry points."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import ood_bench

INFO = f"ood_bench-{ood_bench.__version__}.dist-info"
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    pytest.importorskip("build")
    pytest.importorskip("hatchling")
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "-o", folder, ROOT],
        check=True,
        capture_output=True,
    )
    (path,) = folder.glob("*.whl")
    return zipfile.ZipFile(path)


def test_the_wheel_installs_two_packages_and_nothing_beside_them(wheel: zipfile.ZipFile) -> None:
    tops = {name.partition("/")[0] for name in wheel.namelist()}
    assert tops == {"ood_bench", "ood_bench_models", INFO}


def test_the_wheel_carries_the_embedded_subsets_templates_and_type_markers(
    wheel: zipfile.ZipFile,
) -> None:
    names = set(wheel.namelist())
    for name in ("fashion_mnist_20k", "mnist_20k"):
        for split in ("train", "test"):
            assert f"ood_bench/data/embedded/{name}-{split}.parquet" in names
    assert {"ood_bench/py.typed", "ood_bench_models/py.typed"} <= names
    for kind in ("model", "detector"):
        assert f"ood_bench/scaffold/{kind}/plugin.py.in" in names


def test_the_wheel_carries_the_templates_of_the_html_report(wheel: zipfile.ZipFile) -> None:
    folder = "ood_bench/report/html/templates"
    here = {path.name for path in (ROOT / "benchmark" / folder).iterdir()}
    assert {"page.html", "style.css", "page.js"} <= here
    assert {f"{folder}/{name}" for name in here} <= set(wheel.namelist())


def printed(code: str, wheel: zipfile.ZipFile, folder: Path) -> list[str]:
    """Return what a program prints that has the wheel's content before all else."""
    wheel.extractall(folder)
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder)},
        check=True,
        capture_output=True,
        text=True,
    ).stdout.splitlines()


def test_the_wheel_carries_the_suites(wheel: zipfile.ZipFile, tmp_path: Path) -> None:
    code = (
        "from pathlib import Path; from ood_bench.suite import load_suite, suite_named\n"
        "for name in ('quickstart', 'paper', 'paper-laptop', 'detectors-laptop'):\n"
        "    print(suite_named(Path(name)), load_suite(suite_named(Path(name))).suite.name)\n"
    )
    found = printed(code, wheel, tmp_path)
    assert found[0] == f"{tmp_path / 'ood_bench' / 'suites' / 'quickstart.yaml'} quickstart"
    assert len(found) == 4


CLUSTER = "partition: p\ntime: 60\nmemory: 4G\ncpus: 1\n"
FEW = (
    *("--set", "datasets.fashion_mnist.limit={test: 30}"),
    *("--set", "datasets.mnist.limit={test: 30}", "--set", "datasets.noise.count=10"),
    *("--set", "evaluation.train_images=100"),
)


def test_the_wheel_alone_runs_a_suite_by_its_name(wheel: zipfile.ZipFile, tmp_path: Path) -> None:
    site, here = tmp_path / "site", tmp_path / "here"
    wheel.extractall(site)
    here.mkdir()
    (here / "mine.yaml").write_text("extends: quickstart\nname: mine\n")
    (here / "cluster.yaml").write_text(CLUSTER)
    environment = {key: text for key, text in os.environ.items() if key != "OOD_BENCH_DATA"}

    def typed(*words: str) -> str:
        return subprocess.run(
            [sys.executable, "-m", "ood_bench", *words],
            cwd=here,
            env={**environment, "PYTHONPATH": str(site)},
            check=True,
            capture_output=True,
            text=True,
        ).stdout

    (line,) = (
        one for one in typed("run", "mine.yaml", "--dry-run").splitlines() if "cells:" in one
    )
    assert " 0 skipped" in line
    embedded = ("quickstart-train", "--embedded", "--cluster", "cluster.yaml")
    assert "bundles" in typed("cluster", "show", *embedded).splitlines()[-1]
    assert " 0 failed" in typed("detectors", "check", "likelihood").splitlines()[-1]
    only = ("--only", "metric/glow@*", "--only", "train/*")
    printed = typed("run", "quickstart", *FEW, *only)
    (folder,) = here.glob("results/quickstart-*")
    assert str(folder.relative_to(here) / "report.md") in printed.splitlines()[-1]


def test_the_wheel_carries_small_models_with_names(wheel: zipfile.ZipFile, tmp_path: Path) -> None:
    code = (
        "from pathlib import Path; from ood_bench.scoring import find_model\n"
        "from ood_bench.zoo import read_index\n"
        "for name in read_index():\n"
        "    if Path('ood_bench/zoo/models', name).is_dir():\n"
        "        print(find_model(f'zoo:{name}', results=Path()).weights)\n"
    )
    found = printed(code, wheel, tmp_path)
    kinds = {"classifier", "cv-glow", "glow", "hvae", "pixelcnn", "vae"}
    assert {Path(path).parent.name for path in found} == {f"{kind}-fashion_mnist" for kind in kinds}
    assert all(path.startswith(str(tmp_path / "ood_bench" / "zoo" / "models")) for path in found)
    files = [info for info in wheel.infolist() if "/zoo/models/" in info.filename]
    assert sum(info.file_size for info in files) < 12e6


def test_every_entry_point_of_the_wheel_leads_to_a_module_in_it(wheel: zipfile.ZipFile) -> None:
    text = wheel.read(f"{INFO}/entry_points.txt").decode()
    targets = [
        line.partition("= ")[2].partition(":")[0] for line in text.splitlines() if "=" in line
    ]
    assert len(targets) >= 11
    for target in targets:
        stem = target.replace(".", "/")
        assert {f"{stem}.py", f"{stem}/__init__.py"} & set(wheel.namelist()), target
