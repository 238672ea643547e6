"""Real 8×8 digits on disk, a suite over them, and the command line in this process."""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import yaml
from sklearn.datasets import load_digits

if "PYTEST_XDIST_WORKER" in os.environ:  # as many workers as cores: one thread for each
    os.environ.setdefault("OMP_NUM_THREADS", "1")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as in a shell's background job
    signal.signal(signal.SIGINT, signal.default_int_handler)  # tests send it to what they start

collect_ignore = ["packages"]
"""Plugins of strangers, which tests install; nothing here imports them otherwise."""

SUITE = """\
name: tiny
title: Digits below five against the others
training: {steps: 20, batch_size: 16, held_out: 60, validation: 20, warmup: 2}
datasets:
  low: {npz: low.npz}
  high: {npz: high.npz}
  black: {use: constant, level: 0, count: 3}
models:
  glow: {options: {levels: 1, steps: 2, width: 8}}
  cv-glow: {use: glow, options: {levels: 1, steps: 1, width: 8, coupling: additive}}
detectors: [likelihood, typicality, input_complexity]
analyses: [histogram, roc, extremes, course]
pairs:
  - inside: low
    outside: [high, black]
evaluation: {train_images: 100, resamples: 100}
claims:
  - id: T1
    says: Black images are likelier than digits
    source: here
    measure: bpd_outside(model='glow', outside='black') - bpd_inside(model='glow')
    expect: "< 0"
"""


NORMAL = """\
import math

import torch
from torch import Tensor, nn

from ood_bench.data import Shape
from ood_bench.lit import DensityModule


class Normal(DensityModule):
    \"\"\"Independent normal pixels.\"\"\"

    def __init__(self, shape: Shape, *, width: float = 0.3) -> None:
        super().__init__(shape)
        self.mean = nn.Parameter(torch.full((shape.dims,), 0.5))
        self.width = width

    def log_prob(self, x: Tensor) -> Tensor:
        y = self.dequantize(x).flatten(1)
        normal = torch.distributions.Normal(self.mean, self.width)
        return (normal.log_prob(y) - math.log(256)).sum(dim=1)
"""


class Outcome(NamedTuple):
    """What a command left: exit status and both streams."""

    status: int
    out: str
    err: str


Command = Callable[..., Outcome]


@pytest.fixture(scope="session")
def digits() -> dict[str, np.ndarray]:
    """Digits of the UCI set that comes with scikit-learn, as uint8 images `(N, 1, 8, 8)`."""
    values, labels = load_digits(return_X_y=True)
    pixels = (np.asarray(values) * 15).astype(np.uint8).reshape(-1, 1, 8, 8)
    low = np.asarray(labels) < 5
    return {"low": pixels[low], "high": pixels[~low]}


def write_tiny(folder: Path, digits: dict[str, np.ndarray]) -> Path:
    """Write `tiny.yaml` and the digits that it names to a folder."""
    for name, pixels in digits.items():
        np.savez(folder / f"{name}.npz", train_images=pixels[:600], test_images=pixels[600:])
    path = folder / "tiny.yaml"
    path.write_text(SUITE)
    return path


def mine(*detectors: str) -> dict[str, Any]:
    """Return a suite as a mapping: one model, which trains in a moment, and no figures."""
    Path("normal.py").write_text(NORMAL)
    found: dict[str, Any] = yaml.safe_load(SUITE)
    return found | {
        "name": "mine",
        "models": {"normal": {"use": "./normal.py:Normal"}},
        "detectors": list(detectors),
        "analyses": ["histogram"],
        "evaluation": {"audit": False, "train_images": 100, "resamples": 100},
        "claims": [],
    }


@pytest.fixture
def tiny(tmp_path: Path, digits: dict[str, np.ndarray], monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder, now the working directory, with `tiny.yaml` and the digits that it names."""
    path = write_tiny(tmp_path, digits)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("OOD_BENCH_DATA", raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("OOD_BENCH_JOBS", "1")  # a process more takes seconds to start
    return path


@contextmanager
def within_pytest() -> Iterator[None]:
    """Give the signals back that a command heard, which is to be its process's last."""
    heard = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    hook = sys.unraisablehook
    yield
    sys.unraisablehook = hook
    for number, handler in heard.items():
        signal.signal(number, handler)


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory, digits: dict[str, np.ndarray]) -> Path:
    """A folder in which `tiny.yaml` has been run; nobody writes to it."""
    from ood_bench.cli import main

    folder = tmp_path_factory.mktemp("finished")
    suite = write_tiny(folder, digits)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.delenv("OOD_BENCH_DATA", raising=False)
        patch.setattr(sys, "argv", ["ood-bench", "run", str(suite)])
        with within_pytest(), pytest.raises(SystemExit) as stop:
            main()
    assert stop.value.code == 0
    return folder


@pytest.fixture
def ood_bench(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Run `ood-bench` with arguments, in this process."""
    from ood_bench.cli import main

    def run(*arguments: object) -> Outcome:
        monkeypatch.setattr(sys, "argv", ["ood-bench", *map(str, arguments)])
        capsys.readouterr()
        with within_pytest(), pytest.raises(SystemExit) as stop:
            main()
        status = stop.value.code
        assert isinstance(status, int)
        streams = capsys.readouterr()
        return Outcome(status, streams.out, streams.err)

    return run
