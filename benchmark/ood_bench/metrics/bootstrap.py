"""All metrics of one detector on one pair, each with its interval."""

from numpy.typing import ArrayLike

from ood_bench.metrics.checks import positive, share
from ood_bench.metrics.measure import Measure
from ood_bench.metrics.spec import Sample
from ood_bench.metrics.standard import STANDARD


def evaluate(
    inside: ArrayLike,
    outside: ArrayLike,
    *,
    seed: int,
    resamples: int = 1000,
    level: float = 0.95,
) -> dict[str, Measure]:
    """Return every metric of `ood_bench.metrics.standard` by its name, with its interval.

    AUROC and both AUPRs have score intervals (`delong`, `precision_interval`), FPR@95TPR and
    detection error combine the intervals of their shares (`fpr_interval`,
    `detection_error_interval`). The documentation gives the coverage of each in simulations. The
    detection error of a sample, a minimum, is biased low; a bootstrap estimates this optimism,
    by which the interval is extended upwards.

    Args:
        inside: Scores of in-distribution images, larger = more OOD.
        outside: Scores of out-of-distribution images.
        seed: Same seed, same intervals, to the last bit.
        resamples: Number of bootstrap resamples for the optimism of the detection error.
        level: Coverage of the intervals.

    Raises:
        ValueError: If a side is empty or has a score that is not a finite real number, there are
            no resamples, or the level is not in (0, 1).
    """
    resamples, level = positive(resamples, "resamples"), share(level, "level")
    sample = Sample(inside, outside, seed, resamples)
    return {name: metric.interval(sample, level) for name, metric in STANDARD.items()}
