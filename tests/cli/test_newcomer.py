"""The way of a newcomer: an empty folder, a model of twenty lines, every mistake on the way."""

from pathlib import Path

import pytest
from tests.conftest import Command
from tests.packaging.test_plugin_packages import install, short

from ood_bench.registry import Registry

MODEL = """\
import math

import torch
from ood_bench.data import Shape
from ood_bench.lit import DensityModule
from torch import Tensor, nn


class MyModel(DensityModule):
    \"\"\"Each row of pixels is normal around what the row above says.\"\"\"

    def __init__(self, shape: Shape, *, width: int = 32) -> None:
        super().__init__(shape)
        row = shape.channels * shape.width
        self.rows = nn.Sequential(nn.Linear(row, width), nn.ReLU(), nn.Linear(width, 2 * row))

    def log_prob(self, x: Tensor) -> Tensor:
        y = self.dequantize(x).transpose(1, 2).flatten(2)
        above = torch.cat([torch.zeros_like(y[:, :1]), y[:, :-1]], dim=1)
        mean, log_std = self.rows(above).chunk(2, dim=2)
        normal = torch.distributions.Normal(mean, log_std.clamp(-7, 3).exp())
        return (normal.log_prob(y) - math.log(256)).flatten(1).sum(dim=1)
"""

LOADED = [
    ("from torch import Tensor, nn", "from torch import Tensor", "NameError: name 'nn' is not"),
    ("(DensityModule)", "(nn.Module)", "derive it from ood_bench.lit.DensityModule"),
    ("        super().__init__(shape)\n", "", "begin its __init__ with super().__init__(shape)"),
    ("def log_prob", "def log_likelihood", "MyModel must define log_prob"),
    ("*, width", "width", "write '*,' before the options in its __init__"),
    ("class MyModel", "class Mymodel", "has no class 'MyModel'; did you mean 'Mymodel'?"),
]
"""Mistakes for which the model cannot be loaded: one line, status 2."""

BROKEN = [
    ("self.dequantize(x)", "x.float().div(256)", "other inputs are refused", "self.dequantize(x)"),
    (" - math.log(256)", "", "random images cost at least eight", "−D·ln 256 is missing"),
    ("return (", "return -(", "random images cost at least eight", "minus log_prob is returned"),
    (".flatten(1).sum(dim=1)", ".flatten(1).mean(dim=1)", "random images", "a mean over dim"),
    (".flatten(1).sum(dim=1)", ".mean()", "one finite number an image", "never over images"),
    (".flatten(1).sum(dim=1)", ".flatten(1).sum(dim=1) / math.log(2)", "comes near", "in bits in"),
    ("y[:, :-1]], dim=1", "y[:, :-1].mean(0, True).expand_as(y[:, 1:])], dim=1", "batch", "batch"),
]
"""Mistakes in what it computes: the law that is broken, and a word of the advice; status 1."""


@pytest.fixture
def package(tmp_path: Path, ood_bench: Command, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A new package in an empty folder, in which its author works."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("OOD_BENCH_DATA", raising=False)
    done = ood_bench("models", "new", "my-model")
    assert done.status == 0, done.err
    folder = tmp_path / "ood-bench-my-model"
    monkeypatch.chdir(folder)
    plugin = folder / "src" / "my_model" / "plugin.py"
    assert "class MyModel(DensityModule" in plugin.read_text()
    plugin.write_text(MODEL)
    return folder


USE = "src/my_model/plugin.py:MyModel"


@pytest.mark.parametrize(("old", "new", "message"), LOADED)
def test_what_cannot_be_loaded_is_one_line_that_says_what_to_do(
    package: Path, ood_bench: Command, old: str, new: str, message: str
) -> None:
    assert old in MODEL
    (package / "src/my_model/plugin.py").write_text(MODEL.replace(old, new))
    done = ood_bench("models", "check", USE)
    assert done.status == 2, done.out
    assert message in done.err
    assert len(done.err.splitlines()) == 1, done.err


@pytest.mark.parametrize(("old", "new", "law", "advice"), BROKEN)
def test_what_is_computed_wrongly_is_told_with_what_to_do(
    package: Path, ood_bench: Command, old: str, new: str, law: str, advice: str
) -> None:
    assert old in MODEL
    (package / "src/my_model/plugin.py").write_text(MODEL.replace(old, new))
    done = ood_bench("models", "check", USE)
    assert done.status == 1, done.out
    lines = done.out.splitlines()
    told = [i for i, line in enumerate(lines) if line.startswith("failed ") and law in line]
    assert told, done.out
    assert any(advice in lines[i + 1] for i in told), done.out


def test_mistakes_in_the_suite_are_one_line_that_says_what_to_do(
    package: Path, ood_bench: Command
) -> None:
    suite = package / "suite.yaml"
    right = suite.read_text().replace("my-model: {options: {couplings: 4, width: 128}}", "MODEL")
    for model, message in (
        ("my-model: {}", "suite.yaml:6: models.my-model: unknown model 'my-model'; known: "),
        (f"my-model: {{use: {USE}, options: {{widht: 8}}}}", "did you mean 'width'?"),
        (f"my-model: {{use: {USE[:-8]}}}", "is a file; name the class in it"),
        (f"my-model: {{usse: {USE}}}", "unknown key 'usse'; did you mean 'use'?"),
        ("my-model: {use: my_model:MyModel}", "does not import: ModuleNotFoundError"),
    ):
        suite.write_text(right.replace("MODEL", model))
        done = ood_bench("run", suite)
        assert done.status == 2
        assert message in done.err
        assert len(done.err.splitlines()) == 1, done.err
    assert not (package / "results").exists()


def test_the_model_runs_beside_glow_and_is_reported(
    package: Path, ood_bench: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert len([line for line in MODEL.splitlines() if line]) <= 20
    done = ood_bench("models", "check", USE, "--set", "width=8")
    assert done.status == 0, done.out
    install(package, tmp_path / "installed")
    monkeypatch.syspath_prepend(tmp_path / "installed")
    suite = package / "suite.yaml"
    suite.write_text(suite.read_text().replace("couplings: 4, width: 128", "width: 32"))
    done = ood_bench("run", suite, "--scale", "0.02", *short())
    assert done.status == 0, done.err
    for text in ("my-model", "glow", "mnist_20k", "likelihood"):
        assert text in done.out
    for kind in Registry().names("formats"):
        done = ood_bench("report", "--format", kind)
        assert done.status == 0, done.err
        assert Path(done.out.strip().splitlines()[-1]).exists()
