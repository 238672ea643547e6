"""Packages of strangers install, are found, obey the contract and run beside Glow."""

import os
import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
from tests.conftest import Command

from ood_bench.data import catalogue
from ood_bench.data.installed import GROUP, Catalogue
from ood_bench.errors import DataError

PACKAGES = Path(__file__).parents[1] / "packages"
SHORT = (
    "training.held_out=100",
    "training.validation=50",
    "datasets={fashion_mnist_20k: {limit: 500}, mnist_20k: {limit: 200}}",
    "evaluation={train_images: 50, resamples: 100}",
)
"""Settings under which a suite on the embedded subsets takes seconds."""


def short() -> list[str]:
    return [part for setting in SHORT for part in ("--set", setting)]


def install(package: Path, target: Path) -> None:
    pytest.importorskip("hatchling")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps"]
    command += ["--no-build-isolation", "--disable-pip-version-check", "--root-user-action=ignore"]
    subprocess.run([*command, "--target", target, package], check=True)


@pytest.fixture(scope="module")
def zuko(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the example package lies, installed."""
    pytest.importorskip("zuko")
    target = tmp_path_factory.mktemp("installed")
    install(PACKAGES / "ood-bench-zuko", target)
    return target


@pytest.fixture
def beside(zuko: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory in which the example package can be imported."""
    monkeypatch.syspath_prepend(zuko)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("OOD_BENCH_DATA", raising=False)
    return tmp_path


def test_a_flow_of_zuko_is_trained_on_the_quickstarts_pair(
    beside: Path, ood_bench: Command
) -> None:
    suite = PACKAGES / "ood-bench-zuko" / "suite.yaml"
    done = ood_bench("run", suite, "--scale", "0.02", *short())
    assert done.status == 0, done.err
    assert "zuko-maf" in done.out
    assert "stripes" in done.out
    source = PACKAGES / "ood-bench-zuko" / "src" / "ood_bench_zuko" / "__init__.py"
    assert lines(source) + lines(suite) < 15


def lines(path: Path) -> int:
    """Return the number of lines that are neither empty nor a docstring."""
    return sum(bool(line.strip() and '"""' not in line) for line in path.read_text().splitlines())


def test_a_package_s_plugins_are_listed_checked_and_shown(beside: Path, ood_bench: Command) -> None:
    assert "zuko-maf" in ood_bench("models", "list").out
    done = ood_bench("models", "check", "zuko-maf", "--set", "transforms=1", "--set", "width=8")
    assert done.status == 0, done.out
    listed = ood_bench("datasets", "list").out
    assert "stripes" in listed
    assert "fashion_mnist_20k" in listed
    page = ood_bench("datasets", "show", "stripes").out
    assert page.startswith("stripes: Stripes\n")
    assert "From: ood_bench_zuko" in page
    assert "Available: yes" in page
    done = ood_bench("data", "show", "stripes", "--count", "8", "-o", "stripes.png")
    assert done.status == 0, done.err


def test_a_flow_of_normflows_is_a_class_of_a_file(
    tmp_path: Path, ood_bench: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("normflows")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "flow.py").write_bytes((PACKAGES / "flow.py").read_bytes())
    text = (PACKAGES / "ood-bench-zuko" / "suite.yaml").read_text()
    suite = tmp_path / "suite.yaml"
    suite.write_text(
        text.replace("zuko-maf: {}", "flow: {use: './flow.py:Flow', options: {layers: 1}}").replace(
            ", stripes]", "]"
        )
    )
    done = ood_bench("run", "suite.yaml", "--scale", "0.02", *short())
    assert done.status == 0, done.err
    assert "flow trained on fashion_mnist_20k" in done.out
    assert lines(tmp_path / "flow.py") + lines(suite) < 15


def test_a_flow_of_zuko_is_named_in_a_suite_without_code(
    tmp_path: Path, ood_bench: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("zuko")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "suite.yaml").write_text(
        "name: bare\ntraining: {steps: 10, batch_size: 16}\nmodels:\n  nsf:\n    use: density\n"
        "    options: {build: 'zuko.flows:NSF', arguments: {transforms: 1, bins: 4}}\n"
        "detectors: [likelihood]\npairs:\n  - {inside: fashion_mnist_20k, outside: [mnist_20k]}\n"
    )
    done = ood_bench("run", "suite.yaml", *short())
    assert done.status == 0, done.err


def offered(name: str, value: str) -> EntryPoint:
    return EntryPoint(name, value, GROUP)


@pytest.mark.parametrize(
    ("point", "message"),
    [
        (offered("mnist", "x:Y"), "two packages offer a data set 'mnist': ood-bench and x:Y"),
        (offered("a", "no.such:A"), r"data set 'a' \(no.such:A\) does not import: ModuleNotFound"),
        (offered("a", "math:pi"), r"data set 'a' \(math:pi\) is no ood_bench.data.Entry"),
    ],
)
def test_a_broken_data_set_of_a_package_says_so_when_it_is_named(
    point: EntryPoint, message: str
) -> None:
    ours = catalogue()
    joined = Catalogue([ours[name] for name in ours], [point])
    assert set(joined) == {*ours, point.name}
    assert joined["cifar10"].title == "CIFAR-10"
    with pytest.raises(DataError, match=message):
        joined[point.name]


NEW = [("models", "small-flow"), ("detectors", "odd-size")]


def new(kind: str, name: str, folder: Path, ood_bench: Command) -> tuple[Path, Path]:
    """Write a new package and install it; return its folder and where it is installed."""
    package, installed = folder / f"ood-bench-{name}", folder / "installed"
    done = ood_bench(kind, "new", name, "-o", package)
    assert done.status == 0, done.err
    assert f"next: cd {package} && pip install -e" in done.out
    install(package, installed)
    return package, installed


@pytest.mark.parametrize(("kind", "name"), NEW)
def test_a_new_package_installs_and_passes_its_tests(
    kind: str, name: str, tmp_path: Path, ood_bench: Command
) -> None:
    package, installed = new(kind, name, tmp_path, ood_bench)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "error"],
        cwd=package,
        env={**os.environ, "PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(("kind", "name"), NEW)
def test_a_new_package_runs_in_its_suite(
    kind: str, name: str, tmp_path: Path, ood_bench: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    package, installed = new(kind, name, tmp_path, ood_bench)
    monkeypatch.syspath_prepend(installed)
    monkeypatch.chdir(package)
    monkeypatch.delenv("OOD_BENCH_DATA", raising=False)
    assert name in ood_bench(kind, "list").out
    run = ood_bench("run", "suite.yaml", "--scale", "0.02", "--skip", "analysis/*", *short())
    assert run.status == 0, run.err
    for text in ("glow", name, "likelihood"):
        assert text in run.out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["models", "new", "glow"], "a model 'glow' is installed already; take another name"),
        (["models", "new", "torch"], "Python has a 'torch' already"),
        (["models", "new", "My Flow"], "take small letters, digits and '-', as in my-flow"),
        (["detectors", "new", "odd", "-o", "full"], "full: is there already and not empty"),
    ],
)
def test_a_name_or_a_folder_that_will_not_do_is_one_line(
    tmp_path: Path,
    ood_bench: Command,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "a.txt").write_text("mine")
    done = ood_bench(*arguments)
    assert done.status == 2
    assert message in done.err
    assert len(done.err.splitlines()) == 1
