"""Scores of known distributions: what the metrics are there, and how often intervals hold it."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, stats

from ood_bench.metrics import Measure

Scores = NDArray[np.float64]

METRICS = ("auroc", "aupr_out", "aupr_in", "fpr95", "detection_error")
FAMILIES = ("normal", "heavy", "tied")
AREAS = (0.001, 0.01, 0.1, 0.5, 0.9, 0.99, 0.999)
SIZES = ((100, 100), (1000, 100), (10_000, 100), (10_000, 10_000))


class World(NamedTuple):
    """Two distributions of scores of a known AUROC.

    Attributes:
        inside: Scores of so many inside images.
        outside: Likewise.
        truth: The metrics of all images, where as many of each side come up as are asked for.
    """

    inside: Callable[[np.random.Generator, int], Scores]
    outside: Callable[[np.random.Generator, int], Scores]
    truth: Callable[[int, int], dict[str, float]]


def world(family: str, area: float) -> World:
    """Return a family's distributions: `normal`, `heavy` (Student's, 4 degrees) or `tied`.

    The tied scores are normal ones rounded to halves of a standard deviation. Their AUROC is
    near the one that is asked for, and counted with its ties.
    """
    law = stats.t(4) if family == "heavy" else stats.norm()
    if family == "tied":
        edges = np.arange(-40.25, 40.5, 0.5)
    else:
        levels = stats.norm.cdf(np.linspace(-9, 9, 4001))
        middle = law.ppf(levels[levels < 1])
        edges = np.concatenate([[-np.inf], middle, [np.inf]])

    def masses(shift: float) -> tuple[Scores, Scores]:
        cut = edges if family == "tied" else np.union1d(edges, edges + shift)
        return (np.diff(law.cdf(cut)), np.diff(law.cdf(cut - shift)))

    def auroc(shift: float) -> float:
        a, b = masses(shift)
        return float(b @ (np.cumsum(a) - a / 2))

    if family == "heavy":
        shift = float(optimize.brentq(lambda s: auroc(s) - area, -60, 60))
    else:
        shift = float(stats.norm.ppf(area)) * 2**0.5

    def draw(random: np.random.Generator, count: int) -> Scores:
        return random.standard_t(4, count) if family == "heavy" else random.normal(0, 1, count)

    def rounded(scores: Scores) -> Scores:
        return np.round(2 * scores) / 2 if family == "tied" else scores

    def truth(n: int, m: int) -> dict[str, float]:
        a, b = masses(shift)
        part = 0.0 if family == "tied" else 0.5  # of a narrow bin, half is above its middle

        def precision(positive: Scores, negative: Scores, ratio: float) -> float:
            found = np.cumsum(positive) - part * positive
            mistaken = ratio * (np.cumsum(negative) - part * negative)
            return float(positive @ (found / np.maximum(found + mistaken, 1e-300)))

        accepted, passed = np.cumsum(a), np.cumsum(b)
        if family == "tied":
            fpr = float(passed[np.searchsorted(accepted, 0.95)])
        else:
            fpr = float(law.cdf(law.ppf(0.95) - shift))
        return {
            "auroc": auroc(shift),
            "aupr_out": precision(b[::-1], a[::-1], n / m),
            "aupr_in": precision(a, b, m / n),
            "fpr95": fpr,
            "detection_error": float(min(0.5, ((1 - accepted + passed) / 2).min())),
        }

    return World(
        lambda random, count: rounded(draw(random, count)),
        lambda random, count: rounded(draw(random, count) + shift),
        truth,
    )


def coverage(
    made: World,
    sizes: tuple[int, int],
    evaluate: Callable[[Scores, Scores, int], dict[str, Measure]],
    *,
    repeats: int,
) -> dict[str, tuple[float, float, float]]:
    """Return the shares of intervals that hold the truth, lie below it and lie above it."""
    truth = made.truth(*sizes)
    random = np.random.default_rng(sizes[0] + sizes[1])
    sides = {name: np.zeros(3) for name in truth}
    for repeat in range(repeats):
        inside, outside = made.inside(random, sizes[0]), made.outside(random, sizes[1])
        for name, measure in evaluate(inside, outside, repeat).items():
            low, high = measure.low - 1e-12, measure.high + 1e-12
            sides[name] += (low <= truth[name] <= high, high < truth[name], truth[name] < low)
    return {name: tuple(counted / repeats) for name, counted in sides.items()}
