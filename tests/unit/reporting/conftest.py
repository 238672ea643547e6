"""A run of a small suite as values: two models, three pairs, a skip, a failure, figures."""

from dataclasses import replace

import numpy as np
import pytest

from ood_bench.analyses import Split, Study
from ood_bench.analyses.histogram import Histogram
from ood_bench.data import Shape
from ood_bench.detectors import Columns, Scores
from ood_bench.results import (
    AnalysisTable,
    ClaimResult,
    DataCard,
    FindingRow,
    Metric,
    Omission,
    Results,
    Row,
    TrainingCard,
)

SHAPE = Shape(1, 4, 4)
DETECTION: dict[Metric, float] = {
    "auroc": 0.16049,
    "aupr_out": 0.34,
    "aupr_in": 0.36,
    "fpr95": 0.9991,
    "detection_error": 0.4999,
}


FINDINGS = tuple(
    FindingRow(
        "quickstart",
        "histogram",
        "glow",
        "fashion_mnist",
        outside,
        "0",
        name,
        v,
        low,
        high,
        trainings="one training",
    )
    for outside, name, v, low, high in (
        ("mnist", "gap", -1.1, -1.2, -1.0),
        ("constant_0", "gap", -2.5, -2.5, -2.5),
        ("", "spread", 0.4, 0.3, 0.5),
    )
)


def make_columns(log_prob: Scores) -> Columns:
    """Return the columns of a flow and of the images' files that go with some likelihoods."""
    return {
        "log_prob": log_prob,
        "log_prior": 0.25 * log_prob,
        "log_volume": 0.75 * log_prob,
        "complexity_png": 600.0 - np.round(log_prob),
    }


def make_study() -> Study:
    """Return a study of gray 4×4 images in which mnist is likelier than fashion_mnist."""
    random = np.random.default_rng(0)
    bits = {
        "fashion_mnist": random.normal(3.0, 0.4, 400),
        "mnist": random.normal(1.9, 0.2, 300),
        "constant_0": np.full(50, 0.34),
        "uniform_noise": random.normal(15.7, 0.01, 60),
    }
    train = random.normal(2.95, 0.4, 500)
    nats = SHAPE.dims * np.log(2)
    columns: dict[tuple[str, Split], Columns] = {
        ("fashion_mnist", "train"): make_columns(-train * nats)
    }
    columns |= {(name, "test"): make_columns(-b * nats) for name, b in bits.items()}
    scores = {("likelihood", name): b for name, b in bits.items()}
    scores |= {("typicality", name): np.abs(b - 3.0) for name, b in bits.items()}
    images = {
        name: random.integers(0, 256, (len(b), *SHAPE), dtype=np.uint8) for name, b in bits.items()
    }
    return Study(
        model="glow",
        inside="fashion_mnist",
        outside=("mnist", "constant_0", "uniform_noise"),
        shape=SHAPE,
        columns=columns,
        scores=scores,
        images=lambda data, split: images[data],
    )


@pytest.fixture(scope="session")
def study() -> Study:
    return make_study()


def make_row(metric: Metric, value: float, **changes: object) -> Row:
    row = Row(
        suite="quickstart",
        model="glow",
        inside="fashion_mnist_20k",
        outside="",
        detector="",
        seed="0",
        metric=metric,
        value=value,
        low=value - 0.0051,
        high=value + 0.0049,
        n_inside=10_000,
        n_outside=0,
        transform="",
        note="embedded subset",
    )
    return replace(row, **changes)  # type: ignore[arg-type]  # names of fields in the calls below


def _rows() -> list[Row]:
    single = []
    for model in ("glow", "cv_glow"):
        single += [
            make_row("bpd_train", 2.91, model=model, n_inside=5_000),
            make_row("bpd_inside", 2.958, model=model),
        ]
        for outside, count in (("mnist_20k", 10_000), ("constant_0", 1_000)):
            there = {
                "model": model,
                "outside": outside,
                "n_outside": count,
                "transform": "in: none; out: pad 28" if count == 10_000 else "none",
            }
            single.append(make_row("bpd_outside", 1.833, **there | {"n_inside": 0}))
            for detector in ("likelihood", "input_complexity"):
                for metric, value in DETECTION.items():
                    value = 1 - value if detector == "input_complexity" else value
                    single.append(make_row(metric, value, detector=detector, **there))
    single = [replace(row, note=f"{row.note}; one training") for row in single]
    pooled = [replace(row, seed="all") for row in single]
    return [*single, *pooled]


@pytest.fixture(scope="session")
def results() -> Results:
    study = make_study()
    return Results(
        suite="quickstart",
        title="Glow on FashionMNIST",
        about="Shows the failure of the paper in minutes.",
        rows=tuple(_rows()),
        claims=(
            ClaimResult(
                id="C5",
                says="Glow trained on FashionMNIST gives MNIST the higher likelihood",
                source="arXiv:1810.09136",
                expects="< 0.5",
                measured=0.16049,
                low=0.15539,
                high=0.16539,
                quoted="0.08",
                verdict="reproduced",
                note="",
                measure="auroc(model='glow', outside='mnist_20k', detector='likelihood')",
                interval="that of its one term",
                trainings="one training",
            ),
            ClaimResult(
                id="C3",
                says="SVHN is likelier than CIFAR-10",
                source="poster",
                expects="> 0",
                measured=None,
                low=None,
                high=None,
                quoted="",
                verdict="not run",
                note="pair cifar10 → svhn: svhn is not at hand",
                measure="bpd_inside(inside='cifar10') - bpd_outside(outside='svhn')",
            ),
        ),
        data=(
            DataCard(
                name="fashion_mnist_20k",
                title="FashionMNIST, first 20,000 training images",
                split="train",
                count=20_000,
                shape="1×28×28",
                source="embedded",
                transform="",
                licence="MIT",
                citation="Xiao et al., arXiv:1708.07747",
                digest="0123456789abcdef0123456789abcdef",
                note="embedded subset",
            ),
        ),
        training=(
            TrainingCard(
                model="glow",
                plugin="glow",
                inside="fashion_mnist_20k",
                seed=0,
                parameters=1_234_567,
                steps=1_000,
                images=64_000,
                seconds=75.2,
                images_per_second=851.06,
                bpd_validation=2.9481,
                precision="bf16",
                device="cpu",
                divergences=((120, 5e-4),),
            ),
        ),
        analyses=(
            AnalysisTable(
                "histogram", "glow", "fashion_mnist", 0, lambda: Histogram().tabulate(study)
            ),
        ),
        findings=(*FINDINGS, *(replace(row, seed="all") for row in FINDINGS)),
        skips=(
            Omission(
                cell="pair fashion_mnist_20k → omniglot",
                reason="omniglot is not at hand",
                inside="fashion_mnist_20k",
                outside="omniglot",
            ),
            Omission(
                cell="glow × volume",
                reason="statistic 'log_volume' needs Decomposes",
                model="glow",
                detector="volume",
            ),
        ),
        failures=(Omission("analysis/glow@fashion_mnist_20k/0/extremes", "no space left"),),
        notes=("Run on the embedded subsets.",),
        manifest={"ood-bench": "0.1.0", "host": "laptop", "wall time": "142 s"},
    )
