"""Joint bootstrap of several measures over images."""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ood_bench.metrics.checks import Scores
from ood_bench.metrics.spec import DetectionMetric
from ood_bench.metrics.thresholds import Tally, places

Draw: TypeAlias = Mapping[str, NDArray[np.int64]]
"""The resampled rows of each set of images, as many as it has images."""
Resampled: TypeAlias = Callable[[Draw], float]
"""A measure as a function of the resampled rows."""

RESAMPLES = 1000


def jointly(
    measures: Sequence[Resampled],
    sizes: Mapping[str, int],
    *,
    seed: int,
    resamples: int = RESAMPLES,
) -> NDArray[np.float64]:
    """Return measures on resampled images, the same resample for all measures, `(R, K)`.

    Each set of images is resampled with replacement, independently of the others.

    Args:
        measures: The measures, as functions of resampled rows.
        sizes: Number of images of each set.
        seed: Same seed, same resamples.
        resamples: Number of resamples.
    """
    random = np.random.Generator(np.random.PCG64(seed))
    found = np.empty((resamples, len(measures)))
    for i in range(resamples):
        draw = {name: random.integers(count, size=count) for name, count in sizes.items()}
        found[i] = [measure(draw) for measure in measures]
    return found


def resampled_detection(
    metric: DetectionMetric,
    inside: ArrayLike,
    outside: ArrayLike,
    *,
    sets: tuple[str, str],
) -> Resampled:
    """Return a detection metric as a function of resampled rows.

    Args:
        metric: The metric.
        inside: Scores of in-distribution images, larger = more OOD.
        outside: Scores of out-of-distribution images.
        sets: Names of the inside and the outside images in resamples.

    Raises:
        ValueError: If a side is empty or has a score that is not finite.
    """
    own, other, distinct = places(inside, outside)
    of_own, of_other = sets

    def resampled(draw: Draw) -> float:
        return metric.value(Tally.of(own[draw[of_own]], other[draw[of_other]], distinct))

    return resampled


def resampled_mean(values: Scores, *, of: str) -> Resampled:
    """Return the mean of one number per image as a function of resampled rows."""

    def resampled(draw: Draw) -> float:
        return float(values[draw[of]].mean())

    return resampled
