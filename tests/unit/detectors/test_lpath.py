"""LPath, against plain forms of its scores."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import norm, skew

from ood_bench.detectors import Columns, LPath
from ood_bench.detectors.copod import fit_copod

Values = NDArray[np.float64]


def columns(n: int, seed: int) -> Columns:
    random = np.random.default_rng(seed)
    shared = random.normal(size=n)
    return {name: np.exp(shared + random.normal(k, 0.5, n)) for k, name in enumerate(LPath.needs)}


def stacked(part: Columns) -> Values:
    return np.stack([part[name] for name in LPath.needs], axis=1)


def plain_copod(held_out: Values, row: Values) -> float:
    """The sums of one row, with the empirical distribution of the held-out rows and itself."""
    everything = np.concatenate([held_out, row[None]])
    left = -np.log((everything <= row).mean(axis=0))
    right = -np.log((everything >= row).mean(axis=0))
    corrected = np.where(skew(held_out) < 0, left, right)
    return float(max(left.sum(), right.sum(), corrected.sum()))


def test_copod_is_the_sum_of_tails() -> None:
    random = np.random.default_rng(0)
    held_out = np.stack([random.exponential(size=40), -random.exponential(size=40)], axis=1)
    held_out = np.concatenate([held_out, held_out[:3]])  # ties
    rows = np.concatenate([held_out[:5], random.normal(size=(20, 2)), [[99.0, -99.0], [-99, 99]]])
    expected = [plain_copod(held_out, row) for row in rows]
    assert fit_copod(held_out)(rows) == pytest.approx(expected, rel=1e-12)


def test_lpath_is_copod_of_uncorrelated_normal_scores() -> None:
    held_out, images = columns(60, 0), columns(20, 1)
    known, rows = stacked(held_out), stacked(images)

    def normal(values: Values) -> Values:
        below = (known[:, None] < values).sum(axis=0)
        tied = (known[:, None] == values).sum(axis=0)
        found: Values = norm.ppf((below + tied / 2 + 0.5) / (len(known) + 1))
        return found

    scores = normal(known) / normal(known).std(axis=0)
    left, singular, right = np.linalg.svd(np.corrcoef(scores, rowvar=False))
    turn = left @ np.diag(singular**-0.5) @ right
    white = scores @ turn
    assert np.corrcoef(white, rowvar=False) == pytest.approx(np.eye(3), abs=1e-9)
    images_white = normal(rows) / normal(known).std(axis=0) @ turn
    expected = [plain_copod(white, row) for row in images_white]
    assert LPath().fit(held_out)(images) == pytest.approx(expected, rel=1e-9)


def test_lpath_can_be_a_mahalanobis_distance() -> None:
    held_out, images = columns(60, 0), columns(20, 1)
    known, rows = stacked(held_out), stacked(images)
    way = rows - known.mean(axis=0)
    inverse = np.linalg.inv(np.cov(known, rowvar=False, ddof=0))
    expected = np.einsum("ij,jk,ik->i", way, inverse, way)
    found = LPath(estimator="mahalanobis").fit(held_out)(images)
    assert found == pytest.approx(expected)


def test_lpath_refuses_another_estimator() -> None:
    with pytest.raises(ValueError, match="'copod' or 'mahalanobis', got 'ecod'"):
        LPath(estimator="ecod")  # type: ignore[arg-type]  # the mistake
