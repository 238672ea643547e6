"""Kernel density estimate of one statistic."""

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]

_CELL = 0.5  # width of a cell, in bandwidths
_TERMS = 20  # terms of the expansion in a cell; the remainder is below 1e-16 of the density
_NEAR = 4.0  # bandwidths to the nearest held-out value up to which the expansion holds
_NEGLIGIBLE = 80.0  # a term below e^-40 of the largest is left out; twice the exponent
_BLOCK = 64  # images far from all held-out values that share one window


def log_kde(held_out: Values) -> Callable[[Values], Values]:
    r"""Return the log-density of a one-dimensional kernel density estimate.

    $\log p(x) = \log \frac{1}{n h \sqrt{2 \pi}} \sum_j e^{-(x - x_j)^2 / 2 h^2}$ with Scott's
    bandwidth $h = \sigma n^{-1/5}$, σ with ddof = 1, as in `scipy.stats.gaussian_kde`.

    The sum is exact to rounding but not taken term by term. Near the held-out values it is
    e^{-δ²/2} Σ_p δ^p / p! Σ_j e^{-t_j²/2} t_j^p, where δ is the distance of x from the middle of
    its cell, half a bandwidth wide, and t_j that of x_j; the inner sums serve all x of the cell.
    Further out only the nearest held-out values count. It stays finite at any distance.

    Args:
        held_out: Values that the density is estimated from, shape `(n,)`.

    Returns:
        A function from values `(N,)` to log-densities `(N,)`, in nats, each of its value alone.

    Raises:
        ValueError: If the values are fewer than two or all the same.

    Reference:
        Scott, Multivariate Density Estimation, 1992;
        Greengard & Strain, The fast Gauss transform, 1991, doi:10.1137/0912004.
    """
    n = len(held_out)
    std = float(held_out.std(ddof=1)) if n > 1 else 0.0
    if n < 2 or std <= 1e-12 * abs(float(held_out.mean())):
        raise ValueError(f"a density needs held-out values that differ, got {n} of one value")
    middle, bandwidth = float(np.median(held_out)), std * n**-0.2
    points = np.sort((held_out - middle) / bandwidth)
    constant = math.log(n * bandwidth * math.sqrt(2 * math.pi))

    def log_density(values: Values) -> Values:
        x = (values - middle) / bandwidth
        right = np.searchsorted(points, x)
        distance = np.minimum(
            np.abs(x - points[np.minimum(right, n - 1)]),
            np.abs(x - points[np.maximum(right, 1) - 1]),
        )
        found = np.full(len(x), np.nan)
        near, far = np.flatnonzero(distance <= _NEAR), np.flatnonzero(distance > _NEAR)
        found[near] = _expanded(x[near], points)
        found[far] = _summed(x[far], distance[far], points)
        found -= constant
        return found

    return log_density


def _expanded(x: Values, points: Values) -> Values:
    """Return log Σ_j exp(-(x - x_j)² / 2) by expansion about the middles of cells."""
    cells, cell = np.unique(np.rint(x / _CELL), return_inverse=True)
    sums = np.empty((len(cells), _TERMS))
    largest = np.empty(len(cells))
    for i, middle in enumerate(cells * _CELL):
        way = points - middle
        exponent = -0.5 * way * way
        largest[i] = exponent.max()
        term = np.exp(exponent - largest[i])
        for p in range(_TERMS):
            sums[i, p] = term.sum()
            term *= way / (p + 1)
    delta = x - cells[cell] * _CELL
    total = sums[cell, -1]
    for p in reversed(range(_TERMS - 1)):
        total = total * delta + sums[cell, p]
    found: Values = np.log(total) + largest[cell] - 0.5 * delta * delta
    return found


def _summed(x: Values, distance: Values, points: Values) -> Values:
    """Return log Σ_j exp(-(x - x_j)² / 2) over the relevant x_j, for x far from all of them."""
    found = np.empty(len(x))
    reach = np.sqrt(distance * distance + _NEGLIGIBLE)
    order = np.argsort(x)
    for start in range(0, len(x), _BLOCK):
        block = order[start : start + _BLOCK]
        first = np.searchsorted(points, (x[block] - reach[block]).min())
        last = np.searchsorted(points, (x[block] + reach[block]).max(), side="right")
        exponent = -0.5 * np.square(x[block, None] - points[None, first:last])
        largest = exponent.max(axis=1)
        found[block] = np.log(np.exp(exponent - largest[:, None]).sum(axis=1)) + largest
    return found
