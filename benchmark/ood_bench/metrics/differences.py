"""The difference of two AUROCs that are means over different trainings."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ood_bench.metrics.checks import Scores
from ood_bench.metrics.covariance import auroc_influence
from ood_bench.metrics.measure import Measure, normal_quantile
from ood_bench.metrics.pooling import p_of_zero


class Tested(NamedTuple):
    """A difference with its interval, and the two-sided p-value that it is zero."""

    measure: Measure
    p: float


def mean_difference(
    first: Sequence[tuple[Scores, Scores]],
    second: Sequence[tuple[Scores, Scores]],
    *,
    level: float = 0.95,
) -> Tested:
    r"""Return the mean AUROC over the first trainings minus that over the second.

    All score the same images. The error over images is DeLong's, of the difference of the means:
    its variance is $\sum_s \mathrm{var}(\bar a_s - \bar b_s) / n_s$ over both sides s, with the
    components of each image averaged over the trainings. The error over trainings is that of two
    independent samples (Welch): the sum of $\sigma^2 / S$ of both. The interval extends to both
    sides by $\sqrt{(z\,e_\mathrm{images})^2 + (t\,e_\mathrm{trainings})^2}$, and the p-value is one
    minus the coverage of the interval that just reaches zero. If one of the two has a single
    training, both are over the choice of images alone.

    Args:
        first: Scores of the inside and the outside images, for each training.
        second: Likewise.
        level: Coverage of the interval.

    Reference:
        DeLong et al., Comparing the areas under two or more correlated receiver operating
        characteristic curves, Biometrics 1988, doi:10.2307/2531595. Welch, The generalization of
        Student's problem when several different population variances are involved, Biometrika
        1947, doi:10.1093/biomet/34.1-2.28.
    """
    parts = [[auroc_influence(*sides) for sides in trainings] for trainings in (first, second)]
    means = [np.array([float(own.mean()) for own, _ in part]) for part in parts]
    value = float(means[0].mean() - means[1].mean())
    contrasts: list[NDArray[np.float64]] = [
        np.mean([one[side] for one in parts[0]], axis=0)
        - np.mean([one[side] for one in parts[1]], axis=0)
        for side in (0, 1)
    ]
    if min(map(len, contrasts)) == 1:
        return Tested(Measure(value, -1.0, 1.0), 1.0)
    images = math.sqrt(sum(float(one.var(ddof=1)) / len(one) for one in contrasts))
    seeds, freedom = _welch(means)
    reach = normal_quantile(level) * images
    if seeds:
        from scipy.special import stdtrit

        reach = math.hypot(reach, float(stdtrit(freedom, (1 + level) / 2)) * seeds)
    measure = Measure(value, max(-1.0, value - reach), min(1.0, value + reach))
    return Tested(measure, p_of_zero(value, images, seeds, freedom))


def _welch(samples: Sequence[NDArray[np.float64]]) -> tuple[float, float]:
    """Return the standard error of a difference of means and its degrees of freedom."""
    if min(map(len, samples)) == 1:
        return 0.0, 1.0
    errors = [float(one.var(ddof=1)) / len(one) for one in samples]
    if not sum(errors):
        return 0.0, 1.0
    freedom = sum(errors) ** 2 / sum(
        error**2 / (len(one) - 1) for error, one in zip(errors, samples, strict=True)
    )
    return math.sqrt(sum(errors)), freedom
