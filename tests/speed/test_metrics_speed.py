"""How fast the metrics and the codecs are; figures to read, timings gate nothing.

    pytest -m slow tests/speed/test_metrics_speed.py

Rows of one table are compared with each other: the figures in brackets are ratios.
"""

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray
from PIL import Image
from sklearn.metrics import roc_auc_score

from ood_bench.metrics import auroc, delong, evaluate
from ood_bench.statistics.complexity import CODECS, encode, file_bits

pytest.importorskip("pytest_benchmark")

from pytest_benchmark.fixture import BenchmarkFixture

pytestmark = pytest.mark.slow

Scores = NDArray[np.float64]
Images = NDArray[np.uint8]

TEN_MILLION = """
import json, resource, sys, time
import numpy as np
from ood_bench.metrics import delong
random = np.random.default_rng(0)
inside, outside = random.normal(-7000, 300, 10**7), random.normal(-6700, 300, 10**7)
began = time.perf_counter()
delong(inside, outside)
seconds = time.perf_counter() - began
unit = 1 if sys.platform == "darwin" else 1024
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
print(json.dumps({"seconds": round(seconds, 2), "peak_gb": round(peak / 1e9, 2)}))
"""


def nats(count: int) -> tuple[Scores, Scores]:
    random = np.random.default_rng(0)
    return random.normal(-7000, 300, count), random.normal(-6700, 300, count)


def test_ten_million_scores_a_side_fit_in_4_gb(benchmark: BenchmarkFixture) -> None:
    def measured() -> dict[str, float]:
        command = [sys.executable, "-c", TEN_MILLION]
        found: dict[str, float] = json.loads(subprocess.check_output(command))
        return found

    found = benchmark.pedantic(measured, rounds=1)
    benchmark.extra_info.update(found)
    sys.stdout.write(f"\ndelong of 10 million scores a side: {found}\n")
    assert found["peak_gb"] < 4


@pytest.mark.benchmark(group="AUROC of a million scores a side")
@pytest.mark.parametrize("method", ["auroc", "delong", "scikit-learn"])
def test_auroc_beside_scikit_learn(benchmark: BenchmarkFixture, method: str) -> None:
    inside, outside = nats(10**6)
    is_outside = np.repeat([0, 1], 10**6)
    methods = {
        "auroc": lambda: auroc(inside, outside),
        "delong": lambda: delong(inside, outside).value,
        "scikit-learn": lambda: roc_auc_score(is_outside, np.r_[inside, outside]),
    }
    found = benchmark.pedantic(methods[method], rounds=3)
    assert found == pytest.approx(auroc(inside, outside))


@pytest.mark.benchmark(group="evaluate, 1000 resamples")
@pytest.mark.parametrize("count", [1_000, 10_000, 30_000])
def test_evaluate_with_a_thousand_resamples(benchmark: BenchmarkFixture, count: int) -> None:
    inside, outside = nats(count)
    found = benchmark.pedantic(lambda: evaluate(inside, outside, seed=0), rounds=3)
    assert len(found) == 5


def real_images(name: str, count: int) -> Images:
    """Test images of a data set in the data root."""
    if "OOD_BENCH_DATA" not in os.environ:
        pytest.skip("OOD_BENCH_DATA is not set")
    path = Path(os.environ["OOD_BENCH_DATA"]) / name / "test-00000-of-00001.parquet"
    rows = pq.read_table(path).slice(0, count)["image"].to_pylist()
    pixels = [np.asarray(Image.open(io.BytesIO(row["bytes"]))) for row in rows]
    return np.stack([np.atleast_3d(image).transpose(2, 0, 1) for image in pixels])


@pytest.mark.benchmark(group="a thousand images under one codec")
@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("name", ["fashion_mnist", "cifar10"])
def test_each_codec(benchmark: BenchmarkFixture, name: str, codec: str) -> None:
    images = real_images(name, 1000)
    files = benchmark.pedantic(lambda: [encode(image, codec) for image in images], rounds=3)
    size = np.mean([len(file) for file in files])
    benchmark.extra_info["bytes_per_image"] = size
    sys.stdout.write(f"\n{name}, {codec}: {size:.0f} bytes an image\n")


@pytest.mark.benchmark(group="complexity of 5,000 colour images")
@pytest.mark.parametrize("processes", [1, 2])
def test_complexity_by_processes(benchmark: BenchmarkFixture, processes: int) -> None:
    images = real_images("cifar10", 5000)
    benchmark.pedantic(lambda: file_bits(images, processes=processes), rounds=1)
