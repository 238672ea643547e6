"""Columns and families of statistics as one matrix, standardised."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ood_bench.detectors import Columns, family

Matrix = NDArray[np.float64]

_CONSTANT = 1e-12  # a relative spread this small is rounding error


def checked(statistics: Sequence[str]) -> tuple[str, ...]:
    """Check that names of statistics are unique and not empty, and return them.

    Raises:
        ValueError: If there are none, or one is repeated.
    """
    if not statistics:
        raise ValueError("statistics is empty; name at least one, such as 'log_prob'")
    twice = sorted({name for name in statistics if statistics.count(name) > 1})
    if twice:
        raise ValueError(f"statistics names {', '.join(twice)} more than once")
    return tuple(statistics)


def matrix(columns: Columns, statistic: str) -> Matrix:
    """Return one statistic, shape `(N, 1)`, or a family (`name.*`), shape `(N, K)`."""
    if statistic.endswith(".*"):
        return family(columns, statistic.removesuffix(".*"))
    return columns[statistic][:, None]


def stacked(columns: Columns, statistics: Sequence[str]) -> Matrix:
    """Return statistics as one matrix in the given order, families expanded, shape `(N, K)`.

    Raises:
        KeyError: If one of them is not among the columns.

    Example:
        >>> columns = {"b.1": np.ones(1), "a": np.zeros(1), "b.0": np.full(1, 2.0)}
        >>> stacked(columns, ("b.*", "a"))
        array([[2., 1., 0.]])
    """
    return np.concatenate([matrix(columns, name) for name in statistics], axis=1)


class Scale(NamedTuple):
    """Mean and standard deviation of each column over held-out images.

    Attributes:
        varies: Which columns vary at all, shape `(K,)`; the others are left out.
        mean: Means of those that vary.
        std: Their standard deviations (ddof = 0).
    """

    varies: NDArray[np.bool_]
    mean: Matrix
    std: Matrix

    def __call__(self, values: Matrix) -> Matrix:
        """Return (x - mean) / std of the columns that vary."""
        found: Matrix = (values[:, self.varies] - self.mean) / self.std
        return found


def scale(held_out: Matrix, statistics: Sequence[str]) -> Scale:
    """Measure the scale of each column.

    A column with one value for all held-out images has no scale: it is left out.

    Args:
        held_out: Values, shape `(N, K)`.
        statistics: Names of the statistics, for the message.

    Raises:
        ValueError: If no column varies.
    """
    mean, std = held_out.mean(axis=0), held_out.std(axis=0)
    varies = ~(std <= _CONSTANT * np.abs(mean))
    if not varies.any():
        raise ValueError(
            f"{', '.join(statistics)}: one value for all {len(held_out)} held-out images, "
            "so there is no distribution to fit"
        )
    return Scale(varies, mean[varies], std[varies])
