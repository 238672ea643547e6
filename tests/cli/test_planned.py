"""What cannot work is refused while it is planned, in one line with a near match."""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
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


DETECTORS = "detectors: [likelihood, typicality, input_complexity]"
LOF = "use: sklearn, options: {estimator: sklearn.neighbors.LocalOutlierFactor"


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (
            "use: dose, options: {statistics: [log_prob, log_priors]}",
            "no statistic yields the column 'log_priors'; did you mean 'log_prior'?",
        ),
        (
            "use: dose, options: {statistics: [background.log_porb]}",
            "no statistic yields the column 'log_porb'; did you mean 'log_prob'?",
        ),
        ("use: typicality, options: {group: 4}", "'black' has 3 to test on"),
        (f"{LOF}, options: {{novelty: true, n_neighbors: 5000}}}}", "greater than the total"),
    ],
)
def test_a_detector_that_cannot_work_is_one_line(
    tiny: Path, ood_bench: Command, entry: str, message: str
) -> None:
    assert DETECTORS in SUITE
    tiny.write_text(SUITE.replace(DETECTORS, f"detectors:\n  d: {{{entry}}}"))
    for flag in ([], ["--dry-run"]):
        said = refused(ood_bench("run", tiny, *flag))
        assert message in said
        assert "detectors.d: " in said
    assert not (tiny.parent / "results/store/cells").exists()


CLASSIFIED = """\
extends: tiny.yaml
name: classified
roles: {classifier: {options: {width: 8}}}
datasets: {low: {npz: labelled.npz}}
detectors: {knn: {options: {k: 50}}}
claims: []
"""


@pytest.mark.parametrize(
    ("second", "old", "new", "message"),
    [
        (1, "k: 50", "k: 61, fit_on: held_out", "on 60 held-out images: k = 61 needs as many"),
        (1, "k: 50", "k: 521", "on 520 training images: k = 521 needs as many images to fit on"),
        (1, "claims: []", "evaluation: {fit_images: 49}", "got 49; raise evaluation.fit_images"),
        (
            1,
            "{k: 50}}}\nclaims: []",
            "{k: 50, fit_on: held_out}}}\nevaluation: {held_out_images: 40}",
            "got 40; raise evaluation.held_out_images",
        ),
        (1, "k: 50", "fit_on: test", "'train' or 'held_out'"),
        (2_000_000_000, "", "", "'low': its labels run to 2,000,000,000"),
        (15_075_141, "", "", "'low': its labels run to 15,075,141"),
        (0, "", "", "at least two classes"),
    ],
)
def test_labels_and_neighbours_that_cannot_work_are_one_line(
    tiny: Path, ood_bench: Command, second: int, old: str, new: str, message: str
) -> None:
    low = dict(np.load("low.npz"))
    for split in ("train", "test"):
        count = len(low[f"{split}_images"])
        low[f"{split}_labels"] = np.where(np.arange(count) % 2, second, 0)
    np.savez("labelled.npz", **low)
    path = tiny.parent / "classified.yaml"
    path.write_text(CLASSIFIED.replace(old, new))
    assert message in refused(ood_bench("run", path, "--dry-run"))


def test_a_secret_label_makes_a_set_one_without_labels(tiny: Path, ood_bench: Command) -> None:
    low = dict(np.load("low.npz"))
    low["train_labels"] = np.arange(len(low["train_images"])) % 3 - 1
    np.savez("labelled.npz", **low)
    path = tiny.parent / "classified.yaml"
    path.write_text(CLASSIFIED)
    planned = ood_bench("run", path, "--dry-run")
    assert planned.status == 0
    assert "have no labels, or not all have one of 0 or more" in " ".join(planned.out.split())


def test_a_check_of_a_detector_finds_a_column_that_no_statistic_yields(
    tmp_path: Path, ood_bench: Command
) -> None:
    outcome = ood_bench("detectors", "check", "dose", "--set", "statistics=[log_priors]")
    assert outcome.status == 1
    assert "did you mean 'log_prior'?" in outcome.out


def test_a_dry_run_says_parameters_and_memory(tiny: Path, ood_bench: Command) -> None:
    planned = ood_bench("run", tiny, "--dry-run").out
    (line,) = [line for line in planned.splitlines() if line.startswith("glow on 1×8×8: ")]
    assert "parameters; training takes at least" in line
