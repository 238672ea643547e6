"""What a suite of thousands of cells costs beside its computations.

    python tests/speed/big_suite.py [1000 10000 50000]

A trivial model, generated data sets, detectors and seeds; all cells are written through the
store's own writer with made-up contents. Printed are the CPU seconds after imports and the highest
memory so far of each step for each size, and the exponent p of seconds ∝ cellsᵖ between the last
two sizes.
"""

import contextlib
import io
import json
import math
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np

from ood_bench import api
from ood_bench.api.frames import Run
from ood_bench.api.planning import Prepared, prepare
from ood_bench.cells import Cell
from ood_bench.cells.environment import ENVIRONMENT
from ood_bench.execute import Done
from ood_bench.lit import FitReport
from ood_bench.metrics import STANDARD
from ood_bench.plan.select import select
from ood_bench.store import Store, write_columns

IMPORTS = time.process_time()

SIZES = {1_000: (20, 8, 2), 5_000: (30, 10, 5), 10_000: (40, 12, 7), 50_000: (80, 16, 13)}
"""Outside data sets, detectors and seeds by the number of cells, roughly."""

PLUGINS = '''\
import torch
from torch import Tensor, nn

from ood_bench.data import Shape
from ood_bench.detectors import Columns, Detector, Scorer
from ood_bench.lit import DensityModule


class Uniform(DensityModule):
    """The same probability for all images."""

    def __init__(self, shape: Shape) -> None:
        super().__init__(shape)
        self.zero = nn.Parameter(torch.zeros(()))

    def log_prob(self, x: Tensor) -> Tensor:
        """Return log P(x) in nats."""
        return self.zero.expand(len(x)) - 5.545177 * self.shape.dims


class Power(Detector):
    """A power of the likelihood."""

    needs = ("log_prob",)

    def __init__(self, *, power: int = 1) -> None:
        self.power = power

    def fit(self, train: Columns) -> Scorer:
        """Return x ↦ -log p(x) to a power."""
        return lambda images: (-images["log_prob"]) ** self.power
'''


def write_suite(folder: Path, size: int) -> Path:
    """Write a suite of about so many cells, with its plugins beside it."""
    outside, detectors, seeds = SIZES[size]
    sets = {f"out{i}": {"use": "noise", "count": 20, "seed": i + 1} for i in range(outside)}
    suite = {
        "name": "big",
        "training": {"steps": 1, "held_out": 20, "validation": 20},
        "datasets": {"in": {"use": "noise", "count": 80}, **sets},
        "models": {"uniform": {"use": "./big.py:Uniform"}},
        "detectors": {
            f"power{i}": {"use": "./big.py:Power", "options": {"power": i + 1}}
            for i in range(detectors)
        },
        "pairs": [{"inside": "in", "outside": [*sets], "shape": [1, 4, 4]}],
        "seeds": [*range(seeds)],
        "evaluation": {"audit": False, "baseline": "power0", "train_images": 20},
    }
    (folder / "big.py").write_text(PLUGINS)
    path = folder / "big.yaml"
    path.write_text(json.dumps(suite))
    return path


def planned(suite: Path) -> Prepared:
    """Plan the suite as `run` does."""
    return prepare(
        suite,
        data=None,
        results=Path("results"),
        embedded=False,
        scale=1.0,
        set=(),
        only=(),
        skip=(),
        fresh=False,
        device="cpu",
        lenient=False,
        remember=True,
    )


def fill(cells: Sequence[Cell], store: Store) -> None:
    """Store made-up contents of cells that read back."""
    training = FitReport(
        steps=1,
        images=1,
        seconds=1.0,
        images_per_second=1.0,
        bpd_validation=8.0,
        accuracy_validation=None,
        precision="float32",
        device="cpu",
        divergences=(),
        parameters=1,
        probes=(),
        probe_seconds=0.0,
    )
    measure = [0.5, 0.4, 0.6]
    content = {
        "training.json": asdict(training),
        "data.json": {},
        "weights.safetensors": {},
        "detection": {
            "n_inside": 80,
            "n_outside": 20,
            "measures": dict.fromkeys(STANDARD, measure),
        },
        "bpd": {"n": 20, "measures": {"bpd": measure}},
        "paired": {"measures": {"auroc_difference": [0.0, -0.1, 0.1]}},
    }
    texts = {name: json.dumps(value).encode() for name, value in content.items()}
    environment = json.dumps({"seconds": "1.0", "host": "x" * 500}).encode()
    for name in ("columns.parquet", "scores.parquet"):
        column = "log_prob" if name.startswith("columns") else "score"
        write_columns(Path(name), {column: np.linspace(-90.0, -80.0, 20)})
        texts[name] = Path(name).read_bytes()
    for cell in cells:
        with store.write(cell) as folder:
            for name in cell.spec.files:
                (folder / name).write_bytes(texts.get(name) or texts[cell.kind])
            (folder / ENVIRONMENT).write_bytes(environment)


@contextlib.contextmanager
def measured(step: str, found: dict[str, tuple[float, float]]) -> Iterator[None]:
    """Note the CPU seconds of a step, and the highest memory so far in GB."""
    began = time.process_time()
    yield
    seconds = time.process_time() - began
    found[step] = seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def measure(size: int) -> dict[str, tuple[float, float]]:
    """Return CPU seconds and memory of each step, in the working directory."""
    found: dict[str, tuple[float, float]] = {}
    suite = write_suite(Path(), size)
    prepared = planned(suite)  # data sets are read and remembered
    plan = prepared.plan
    sync, os.fsync = os.fsync, lambda fd: None  # for the speed of this script
    fill(plan.cells, prepared.store)
    os.fsync = sync
    found["cells"] = len(plan.cells), 0.0
    found["imports"] = IMPORTS, 0.0
    with measured("plan", found):
        planned(suite)
    with measured("dry run", found), contextlib.redirect_stdout(io.StringIO()):
        dry = api.dry_run(suite)
        len(dry.states)
    assert len(dry.stored) == len(plan.cells)
    with measured("select", found):
        select(plan, only=["metric/*/power1"], skip=["metric/*/power3"])
    done: list[float] = []

    def follow(event: object) -> None:
        if isinstance(event, Done):
            done.append(time.process_time())

    began = time.process_time()
    with measured("rerun and its report", found):
        run = api.run(suite, executor="inline", progress=follow)
    found["of it until all is known"] = done[-1] - began, 0.0
    with measured("read the record", found):
        run = Run(run.folder)
    with measured("collect", found):
        assert run.results.rows
    for name in ("csv", "json", "markdown", "html"):
        with measured(f"report {name}", found):
            path = run.report(name, output=Path(name))
        found[f"MB of {path.name}"] = path.stat().st_size / 1e6, 0.0
    return found


def main(sizes: list[int]) -> None:
    """Measure each size in a process of its own, and print a table."""
    tables = []
    for size in sizes:
        with tempfile.TemporaryDirectory() as folder:
            command = [sys.executable, str(Path(__file__).absolute()), "--one", str(size)]
            text = subprocess.run(command, cwd=folder, check=True, stdout=subprocess.PIPE).stdout
        tables.append(json.loads(text.splitlines()[-1]))
    lines = [f"{'':28}" + "".join(f"{size:>20,}" for size in sizes) + f"{'p':>8}"]
    for step in tables[0]:
        found = [table[step] for table in tables]
        line = "".join(f"{s:11.2f} {m:6.2f} GB" if m else f"{s:11.1f}{'':9}" for s, m in found)
        if len(tables) > 1 and step not in ("cells", "imports"):
            grown, more = (tables[-1][name][0] / tables[-2][name][0] for name in (step, "cells"))
            line += f"{math.log(grown) / math.log(more):8.2f}"
        lines.append(f"{step:28}{line}")
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        sys.stdout.write(json.dumps(measure(int(sys.argv[2]))) + "\n")
    else:
        main([int(size) for size in sys.argv[1:]] or [1_000, 10_000, 50_000])
