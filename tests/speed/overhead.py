"""What an executor costs: the throughput of two workers over that of one, with cells that sleep.

    python tests/speed/overhead.py ray
    SLURM_CONF=... python tests/speed/overhead.py slurm --cluster cluster.yaml

Sixteen trainings of one step sleep, one after the other in the run with one bundle at a time, two
at a time in the other. Twice the throughput is the most that there is; what is missing is the
start of processes, the submission, and the polling.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import yaml

MODEL = """\
import time

import torch
from torch import nn

from ood_bench.lit import DensityModule


class Sleepy(DensityModule):
    '''Uniform images, after a sleep.'''

    def __init__(self, shape, *, seconds: float = 20.0, number: int = 0):
        super().__init__(shape)
        self.seconds = seconds
        self.zero = nn.Parameter(torch.zeros(()))

    def log_prob(self, x):
        if self.training:
            time.sleep(self.seconds)
        return self.zero - torch.full((len(x),), self.shape.dims * 5.545177444479562)
"""


def suite(seconds: float, count: int) -> str:
    options = {"use": "./sleepy.py:Sleepy"}
    models = {
        f"model-{i}": {**options, "options": {"seconds": seconds, "number": i}}
        for i in range(count)
    }
    return yaml.safe_dump(
        {
            "name": "overhead",
            "title": "Cells that sleep",
            "training": {"steps": 1, "batch_size": 8, "held_out": 20, "validation": 10},
            "datasets": {"own": {"npz": "own.npz"}, "black": {"use": "constant", "count": 3}},
            "models": models,
            "detectors": ["likelihood"],
            "pairs": [{"inside": "own", "outside": ["black"]}],
        }
    )


def run(folder: Path, executor: str, cluster: dict[str, object], at_a_time: int) -> float:
    """Return the seconds of a run."""
    (folder / "cluster.yaml").write_text(yaml.safe_dump({**cluster, "at_a_time": at_a_time}))
    command = [sys.executable, "-m", "ood_bench", "run", "suite.yaml", "--executor", executor]
    command += ["--cluster", "cluster.yaml", "--results", f"results-{at_a_time}"]
    command += ["--only", "train/*"]
    began = time.perf_counter()
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("executor", choices=("ray", "slurm"))
    parser.add_argument("--cluster", type=Path, help="what else the cluster's file says")
    parser.add_argument("--seconds", type=float, default=20.0, help="how long a training sleeps")
    parser.add_argument("--count", type=int, default=16)
    given = parser.parse_args()
    cluster = yaml.safe_load(given.cluster.read_text()) if given.cluster else {}
    if given.executor == "ray":
        cluster.setdefault("ray", {})
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        images = np.random.default_rng(0).integers(0, 256, (60, 1, 4, 4), dtype=np.uint8)
        np.savez(folder / "own.npz", train_images=images, test_images=images[:10] // 2)
        (folder / "sleepy.py").write_text(MODEL)
        (folder / "suite.yaml").write_text(suite(given.seconds, given.count))
        one, two = (run(folder, given.executor, cluster, n) for n in (1, 2))
    slept = given.seconds * given.count
    sys.stdout.write(
        f"{given.executor}: {given.count} trainings that sleep {given.seconds:g} s: "
        f"one at a time {one:.0f} s ({slept:.0f} s of sleep), two at a time {two:.0f} s: "
        f"{one / two:.2f} times the throughput\n"
    )


if __name__ == "__main__":
    main()
