"""A bootstrap over images of several measures at once."""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ood_bench.metrics.checks import Scores
from ood_bench.metrics.spec import DetectionMetric
from ood_bench.metrics.thresholds import Tally, places

Draw: TypeAlias = Mapping[str, NDArray[np.int64]]
"""By set of images, the rows that were drawn from it, as many as it has."""
Resampled: TypeAlias = Callable[[Draw], float]
"""A measure of the drawn images."""

RESAMPLES = 1000


def jointly(
    measures: Sequence[Resampled],
    sizes: Mapping[str, int],
    *,
    seed: int,
    resamples: int = RESAMPLES,
) -> NDArray[np.float64]:
    """Return what measures come to on images drawn anew, the same draw for all, `(R, K)`.

    Each set of images is drawn with replacement from itself and apart from the others.

    Args:
        measures: Each a function of the drawn rows.
        sizes: How many images each set has.
        seed: Same seed, same draws.
        resamples: How many draws.
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
    """Return a detection metric as a function of drawn rows.

    Args:
        metric: The metric.
        inside: Scores of in-distribution images, larger = more OOD.
        outside: Scores of out-of-distribution images.
        sets: What draws call the inside's images and the outside's.

    Raises:
        ValueError: If a side is empty or has a score that is not finite.
    """
    own, other, distinct = places(inside, outside)

    def resampled(draw: Draw) -> float:
        counts = (
            np.bincount(side[draw[name]], minlength=distinct)
            for side, name in zip((own, other), sets, strict=True)
        )
        return metric.value(Tally(*counts))

    return resampled


def resampled_mean(values: Scores, *, of: str) -> Resampled:
    """Return the mean of one number an image as a function of drawn rows."""

    def resampled(draw: Draw) -> float:
        return float(values[draw[of]].mean())

    return resampled
