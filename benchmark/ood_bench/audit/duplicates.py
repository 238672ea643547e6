"""Images that two sets share: identical ones and near-duplicates."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ood_bench.detectors import Columns
from ood_bench.statistics.image_hash import BITS, SIDE, joined

__all__ = ["BITS", "CORRELATION", "DISTANCE", "Shared", "repeated", "shared"]

DISTANCE = 8
"""Maximum Hamming distance of near-duplicates' perceptual hashes, of 63 bits."""
CORRELATION = 0.9
"""Minimum correlation of near-duplicates' pixels. The known near-duplicates of CIFAR-10 pass both
tests, other pairs of natural images do not; simple aligned images, such as trousers, more often."""

ROWS = 64
PAIRS = 2048

Pixels = NDArray[np.uint8]
Hashes = NDArray[np.uint64]


class Shared(NamedTuple):
    """Number of images of a set found in another; `near` excludes those counted in `exact`."""

    exact: int
    near: int | None


def shared(
    images: Pixels, hashes: Columns, others: Pixels, other_hashes: Columns, *, near: bool = True
) -> Shared:
    """Count the images of one set that are in another.

    Args:
        images: uint8 images `(N, C, H, W)`.
        hashes: Their columns of the statistic `image_hash`.
        others: The other set, `(M, C, H, W)`.
        other_hashes: Its columns.
        near: Whether to look for near-duplicates, too.

    Returns:
        The number of images identical to one of the others, and of the remaining images the number
        with a near-duplicate: one whose perceptual hash differs in at most `DISTANCE` bits and
        whose pixels correlate by `CORRELATION` or more. `near` is None if it was not requested
        or the images have fewer than eight pixels per side.
    """
    same = np.isin(joined(hashes, "pixel_hash"), joined(other_hashes, "pixel_hash"))
    exact = int(same.sum())
    if not near or min(images.shape[2:]) < SIDE:
        return Shared(exact, None)
    rows = np.flatnonzero(~same)
    looks, other_looks = (joined(of, "perceptual_hash") for of in (hashes, other_hashes))
    # frequent images, such as black ones, are compared once
    rows, counts = _distinct(rows, joined(hashes, "pixel_hash"))
    columns, _ = _distinct(np.arange(len(others)), joined(other_hashes, "pixel_hash"))
    alike = _alike(images, rows, looks[rows], others, columns, other_looks[columns])
    return Shared(exact, int(counts[alike].sum()))


def repeated(hashes: Columns) -> int:
    """Return the number of images identical to an earlier one."""
    found = joined(hashes, "pixel_hash")
    return len(found) - len(np.unique(found))


def _distinct(rows: NDArray[np.int64], hashes: Hashes) -> tuple[NDArray[np.int64], ...]:
    """Return one row per distinct hash, and its number of rows."""
    _, first, counts = np.unique(hashes[rows], return_index=True, return_counts=True)
    return rows[first], counts


def _alike(
    images: Pixels,
    rows: NDArray[np.int64],
    looks: Hashes,
    others: Pixels,
    columns: NDArray[np.int64],
    other_looks: Hashes,
) -> NDArray[np.bool_]:
    """Return for each row whether one of the columns is a near-duplicate."""
    found = np.zeros(len(rows), dtype=np.bool_)
    for start in range(0, len(rows), ROWS):
        distance = np.bitwise_count(looks[start : start + ROWS, None] ^ other_looks)
        near_rows, near_columns = np.nonzero(distance <= DISTANCE)
        near_rows += start
        for part in range(0, len(near_rows), PAIRS):
            a, b = near_rows[part : part + PAIRS], near_columns[part : part + PAIRS]
            alike = _correlations(images[rows[a]], others[columns[b]]) >= CORRELATION
            found[a[alike]] = True
    return found


def _correlations(images: Pixels, others: Pixels) -> NDArray[np.float32]:
    """Return the correlation of the pixels of each pair; 0 where an image is constant."""
    x, y = (_centred(of) for of in (images, others))
    norms = np.linalg.norm(x, axis=1) * np.linalg.norm(y, axis=1)
    products = np.einsum("nd,nd->n", x, y)
    correlations: NDArray[np.float32] = np.divide(
        products, norms, out=np.zeros_like(products), where=norms > 0
    )
    return correlations


def _centred(images: Pixels) -> NDArray[np.float32]:
    flat = images.reshape(len(images), -1).astype(np.float32)
    flat -= flat.mean(axis=1, keepdims=True)
    return flat
