"""Covariance of measures over the images that they share."""

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ood_bench.metrics.checks import Scores, both_sides
from ood_bench.metrics.roc import placements

Influence: TypeAlias = Mapping[str, Scores]
"""By set of images, one number per image, `(N,)`; the measure is a sum of their means, to first
order. Two measures of the same set have the images in the same order."""


def auroc_influence(inside: ArrayLike, outside: ArrayLike) -> tuple[Scores, Scores]:
    r"""Return the influence of each inside and outside image on AUROC: DeLong's components.

    $U_i$, the share of outside scores that beat inside image i, and $V_j$, the share of inside
    scores that outside image j beats, ties counting half. The mean of either is AUROC.

    Args:
        inside: Scores of in-distribution images.
        outside: Scores of out-of-distribution images.

    Raises:
        ValueError: If a side is empty or has a score that is not finite.

    Reference:
        DeLong et al., Comparing the areas under two or more correlated receiver operating
        characteristic curves, Biometrics 1988, doi:10.2307/2531595.

    Example:
        >>> auroc_influence([1, 2], [2, 3])
        (array([1.  , 0.75]), array([0.75, 1.  ]))
    """
    inside, outside = both_sides(inside, outside)
    beaten = placements(outside, np.sort(inside)) / (2 * len(inside))
    beating = 1.0 - placements(inside, np.sort(outside)) / (2 * len(outside))
    return beating, beaten


def covariance(measures: Sequence[Influence]) -> NDArray[np.float64]:
    r"""Return the covariance matrix of measures over the choice of images, `(K, K)`.

    $\sum_s \mathrm{cov}_s(a_k, a_l) / n_s$ over the sets s that two measures both read, with
    unbiased covariances: for AUROCs, DeLong's matrix. Measures without common sets are
    uncorrelated. A set of one image has no spread and contributes nothing.

    Args:
        measures: The influence of the images of each set on each measure.

    Raises:
        ValueError: If two measures read different numbers of images of one set.
    """
    found = np.zeros((len(measures), len(measures)))
    for name in dict.fromkeys(name for measure in measures for name in measure):
        readers = [i for i, measure in enumerate(measures) if name in measure]
        values = [measures[i][name] for i in readers]
        if len({len(one) for one in values}) > 1:
            raise ValueError(f"measures of different numbers of images of '{name}'")
        if len(values[0]) > 1:
            found[np.ix_(readers, readers)] += np.atleast_2d(np.cov(values)) / len(values[0])
    return found
