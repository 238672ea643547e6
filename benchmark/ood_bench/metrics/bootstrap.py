"""All metrics of one detector on one pair, each with its interval."""

import numpy as np
from numpy.typing import ArrayLike

from ood_bench.metrics.checks import positive, share
from ood_bench.metrics.measure import Measure
from ood_bench.metrics.roc import delong
from ood_bench.metrics.thresholds import Counts, Tally, places

_BOOTSTRAPPED = {
    "aupr_out": Tally.aupr_out,
    "aupr_in": Tally.aupr_in,
    "fpr95": Tally.fpr95,
    "detection_error": Tally.detection_error,
}


def evaluate(
    inside: ArrayLike,
    outside: ArrayLike,
    *,
    seed: int,
    resamples: int = 1000,
    level: float = 0.95,
) -> dict[str, Measure]:
    """Return auroc, aupr_out, aupr_in, fpr95 and detection_error, each with its interval.

    AUROC has DeLong's interval, the others percentile intervals of a bootstrap that draws
    each side anew from its own images, so that the share of outside images stays as it is.
    The detection error, as a minimum, comes out a little lower in a resample than in the
    scores themselves, and its interval lies accordingly. A side of one image is drawn the
    same every time: the interval then tells of the other side alone.

    Args:
        inside: Scores of in-distribution images, larger = more OOD.
        outside: Scores of out-of-distribution images.
        seed: Same seed, same intervals, to the last bit.
        resamples: How often the images are drawn anew.
        level: Coverage of the intervals.

    Raises:
        ValueError: If a side is empty or has a score that is not a finite real number, there are
            no resamples, or the level is no share.
    """
    resamples, level = positive(resamples, "resamples"), share(level, "level")
    area = delong(inside, outside, level=level)
    inside, outside, distinct = places(inside, outside)
    random = np.random.Generator(np.random.PCG64(seed))

    def drawn(side: Counts) -> Counts:
        rows = random.integers(len(side), size=len(side))
        return np.bincount(side[rows], minlength=distinct)

    found = np.empty((resamples, len(_BOOTSTRAPPED)))
    for i in range(resamples):
        resample = Tally(drawn(inside), drawn(outside))
        found[i] = [metric(resample) for metric in _BOOTSTRAPPED.values()]
    ends = np.quantile(found, [(1 - level) / 2, (1 + level) / 2], axis=0)

    whole = Tally(np.bincount(inside, minlength=distinct), np.bincount(outside, minlength=distinct))
    return {"auroc": area} | {
        name: Measure(metric(whole), float(low), float(high))
        for (name, metric), low, high in zip(_BOOTSTRAPPED.items(), *ends, strict=True)
    }
