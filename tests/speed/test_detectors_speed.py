"""How fast the detectors are from stored columns; figures to read, timings gate nothing.

    pytest -m slow tests/speed/test_detectors_speed.py

Fit on 2,000 held-out images and score 36,000; the figures in brackets are ratios.
"""

import numpy as np
import pytest

from ood_bench.detectors import Columns, Detector
from ood_bench.errors import PluginError
from ood_bench.registry import Registry, construct

pytest.importorskip("pytest_benchmark")

from pytest_benchmark.fixture import BenchmarkFixture

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::DeprecationWarning:pyod.*")]

HELD_OUT, IMAGES, FEATURES, CLASSES, LAYERS, MEMBERS = 2_000, 36_000, 512, 10, 100, 5
REGISTRY = Registry()
FOUR = ["log_prob", "complexity_png", "log_prior", "log_volume"]
VARIANTS: dict[str, tuple[str, dict[str, object]]] = {
    **{name: (name, {}) for name in REGISTRY.names("detectors")},
    "typicality of groups": ("typicality", {"group": 10}),
    "dose of four": ("dose", {"statistics": FOUR}),
    "dose of four, svm": ("dose", {"statistics": FOUR, "estimator": "svm"}),
}


def columns(n: int, seed: int, spread: float) -> Columns:
    random = np.random.default_rng(seed)
    single = [*FOUR, "background.log_prob", "likelihood_regret", "input_gradient_norm"]
    single += ["complexity_webp", "complexity_jpeg2000", "classifier.odin"]
    single += [f"member.{k}.log_prob" for k in range(MEMBERS)]
    single += [f"elbo_above.{k}" for k in range(3)]
    found = {name: random.normal(-7000, 300 * spread, n) for name in single}
    for layer in range(LAYERS):
        found[f"gradient_norm.{layer}"] = random.lognormal(3, spread, n)
    features = random.normal(0, spread, (n, FEATURES)).clip(0)
    logits = features @ np.random.default_rng(7).normal(0, 1, (FEATURES, CLASSES))
    for k in range(FEATURES):
        found[f"classifier.features.{k}"] = features[:, k].copy()
    for k in range(CLASSES):
        found[f"classifier.logits.{k}"] = logits[:, k].copy()
    found["classifier.label"] = random.integers(0, CLASSES, n).astype(np.float64)
    return found


@pytest.fixture(scope="module")
def stored() -> tuple[Columns, Columns]:
    return columns(HELD_OUT, 0, 1.0), columns(IMAGES, 1, 1.5)


@pytest.mark.benchmark(group="fit on 2,000 images, score 36,000")
@pytest.mark.parametrize("variant", VARIANTS)
def test_each_detector(
    benchmark: BenchmarkFixture, variant: str, stored: tuple[Columns, Columns]
) -> None:
    name, options = VARIANTS[variant]
    try:
        detector: Detector = construct(REGISTRY.load("detectors", name), name, options)
    except PluginError as error:
        pytest.skip(str(error))
    held_out, images = stored
    scores = benchmark.pedantic(lambda: detector.fit(held_out)(images), rounds=2)
    assert len(scores) == IMAGES // detector.group
    assert np.isfinite(scores).all()
