"""What cannot work is refused while it is planned, in one line with a near match."""

from importlib.util import find_spec
from pathlib import Path

import pytest
from tests.conftest import SUITE, Command

PLUGINS = """\
import sys

import torch
from torch import Tensor, nn

from ood_bench.data import Shape
from ood_bench.lit import DensityModule, FloatDensity


class Plain(nn.Module):
    def __init__(self, shape: Shape) -> None:
        super().__init__()

    def forward(self, x: Tensor) -> Tensor:
        return x


class ForwardAlone(DensityModule):
    def forward(self, x: Tensor) -> Tensor:
        return x


class Ends(DensityModule):
    def __init__(self, shape: Shape) -> None:
        sys.exit(0)

    def log_prob(self, x: Tensor) -> Tensor:
        return x


class Context(FloatDensity):
    def __init__(self, shape: Shape) -> None:
        super().__init__(shape, lambda context: context)


class Annotated(DensityModule):
    def __init__(self, shape: Shape, *, width: "Widht" = 1) -> None:
        super().__init__(shape)

    def log_prob(self, x: Tensor) -> Tensor:
        return x
"""


def refused(outcome: tuple[int, str, str]) -> str:
    status, _, err = outcome
    assert status == 2, err
    assert len(err.splitlines()) == 1, err
    return err


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("steps: 2, width: 8}", "steps: 2, width: 1000000}", "and this machine has"),
        ("steps: 2, width: 8}", "steps: 1000000, width: 8}", "tensors of parameters"),
        ("models:\n", "models:\n  x: {use: './mine.py:Plain'}\n", "mine.py:Plain' is no"),
        ("models:\n", "models:\n  x: {use: './mine.py:ForwardAlone'}\n", "must define log_prob"),
        ("models:\n", "models:\n  x: {use: './mine.py:Ends'}\n", "SystemExit"),
        ("models:\n", "models:\n  x: {use: './mine.py:Annotated'}\n", "'Widht' is not defined"),
        ("steps: 20,", "steps: 20, logger: wandb,", "pip install 'ood-bench[wandb]'"),
        (
            "models:\n",
            "models:\n  x: {use: glow, training: {logger: mlflow}}\n",
            "tiny.yaml:9: models.x.training.logger: logger 'mlflow' needs a package",
        ),
    ],
)
def test_a_suite_that_cannot_work_is_one_line(
    tiny: Path, ood_bench: Command, old: str, new: str, message: str
) -> None:
    for package in ("wandb", "mlflow"):
        if package in new and find_spec(package):
            pytest.skip(f"{package} is installed")
    (tiny.parent / "mine.py").write_text(PLUGINS)
    assert old in SUITE
    tiny.write_text(SUITE.replace(old, new, 1))
    for flag in ([], ["--dry-run"]):
        assert message in refused(ood_bench("run", tiny, *flag))
    assert not (tiny.parent / "results/store/cells").exists()


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("Plain", "is no DensityModule"),
        ("ForwardAlone", "must define log_prob"),
        ("Ends", "SystemExit"),
        ("Annotated", "'Widht' is not defined"),
        ("Context", "called without arguments"),
    ],
)
def test_a_class_that_is_no_model_is_one_line_of_a_check(
    tiny: Path, ood_bench: Command, model: str, message: str
) -> None:
    (tiny.parent / "mine.py").write_text(PLUGINS)
    assert message in refused(ood_bench("models", "check", f"./mine.py:{model}"))


def test_a_check_of_an_absurd_model_is_one_line(ood_bench: Command) -> None:
    said = refused(ood_bench("models", "check", "glow", "--set", "width=1000000"))
    assert "parameters: training takes at least" in said


def test_a_dry_run_says_parameters_and_memory(tiny: Path, ood_bench: Command) -> None:
    planned = ood_bench("run", tiny, "--dry-run").out
    (line,) = [line for line in planned.splitlines() if line.startswith("glow on 1×8×8: ")]
    assert "parameters; training takes at least" in line
