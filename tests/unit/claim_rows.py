"""Claims and measured rows for tests."""

from ood_bench.claims import Claim
from ood_bench.results import Metric, Row

NAMES = {
    "models": ("glow", "cv_glow"),
    "datasets": ("fashion_mnist", "mnist", "svhn"),
    "detectors": ("likelihood", "typicality"),
    "analyses": ("decomposition",),
}


def row(
    value: float,
    low: float,
    high: float,
    *,
    metric: Metric = "auroc",
    model: str = "glow",
    outside: str = "mnist",
    detector: str = "likelihood",
    seed: str = "all",
) -> Row:
    return Row(
        suite="s",
        model=model,
        inside="fashion_mnist",
        outside=outside,
        detector=detector,
        seed=seed,
        metric=metric,
        value=value,
        low=low,
        high=high,
        n_inside=100,
        n_outside=100,
        transform="",
        note="",
    )


def claim(measure: str = "auroc()", expect: str = "< 0.5") -> Claim:
    return Claim(id="c", says="s", source="p", measure=measure, expect=expect)
