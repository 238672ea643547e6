"""The suite's level is that of every interval of an analysis, in its findings and its caption."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.typing import NDArray

from ood_bench.analyses import Analysis, Split, Study
from ood_bench.data import Shape
from ood_bench.detectors import Columns
from ood_bench.lit import build
from ood_bench.registry import Registry, construct
from ood_bench.testing import displaced
from ood_bench_models.glow import Glow

SHAPE = Shape(1, 4, 4)
WITHOUT_INTERVALS = {"histogram", "errors", "roc", "extremes", "samples"}
FEW = {"graying": {"count": 20}, "samples": {"count": 4}}


@pytest.fixture(scope="module")
def study() -> Study:
    """A Glow that has seen nothing, on random images of two contrasts."""
    model = displaced(build(Glow, SHAPE, {"levels": 1, "steps": 1, "width": 8}, 0))
    random = np.random.default_rng(0)
    images: dict[tuple[str, Split], NDArray[np.uint8]] = {
        ("a", "train"): random.integers(0, 200, (60, *SHAPE), dtype=np.uint8),
        ("a", "test"): random.integers(0, 200, (50, *SHAPE), dtype=np.uint8),
        ("b", "test"): random.integers(60, 190, (40, *SHAPE), dtype=np.uint8),
    }
    columns: dict[tuple[str, Split], Columns] = {}
    for side, pixels in images.items():
        with torch.no_grad():
            terms = model.decompose(torch.from_numpy(pixels))
        log_prior, log_volume = (term.double().numpy() for term in terms)
        columns[side] = {
            "log_prob": log_prior + log_volume,
            "log_prior": log_prior,
            "log_volume": log_volume,
            "complexity_png": random.normal(500.0, 9.0, len(pixels)),
        }
    probes = [
        {"step": step, "data": data, "bits_per_dim": bits, "error": 0.4, "images": 50}
        for data, final in (("a/train", 3.0), ("a/test", 3.1), ("b/test", 2.5))
        for step, bits in ((0, 8.0), (10, final))
    ]
    return Study(
        model="glow",
        inside="a",
        outside=("b",),
        shape=SHAPE,
        columns=columns,
        scores={("likelihood", n): -columns[n, "test"]["log_prob"] for n in ("a", "b")},
        images=lambda data, split: images[data, split],
        trained=lambda: model,
        course=pd.DataFrame(probes),
    )


@pytest.mark.parametrize("name", Registry().names("analyses"))
def test_intervals_and_the_caption_follow_the_level(name: str, study: Study) -> None:
    analysis: Analysis = construct(Registry().load("analyses", name), name, FEW.get(name, {}))
    found, said = {}, {}
    for level in (0.95, 0.8):
        analysis.level = level
        table = analysis.tabulate(replace(study))
        found[level] = {(f.name, f.outside): f.high - f.low for f in analysis.findings(table)}
        said[level] = analysis.caption(table)
    ratios = {key: found[0.8][key] / width for key, width in found[0.95].items() if width > 1e-12}
    assert bool(ratios) == (name not in WITHOUT_INTERVALS)
    assert all(0.4 < ratio < 0.8 for ratio in ratios.values()), ratios
    assert said[0.95].replace("95 %", "80 %") == said[0.8] or name == "errors"
