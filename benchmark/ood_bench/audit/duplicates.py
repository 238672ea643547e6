"""Images that two sets share: the very pixels, or pixels that look the same."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ood_bench.detectors import Columns
from ood_bench.statistics.image_hash import BITS, SIDE, joined

__all__ = ["BITS", "CORRELATION", "DISTANCE", "Shared", "repeated", "shared"]

DISTANCE = 8
"""Bits of the 63 in which the perceptual hashes of images that look the same may differ."""
CORRELATION = 0.9
"""Least correlation of their pixels. CIFAR-10's known near duplicates pass both, other pairs of
natural images do not; simple aligned images, such as trousers, look the same more often."""

ROWS = 64
PAIRS = 2048

Pixels = NDArray[np.uint8]
Hashes = NDArray[np.uint64]


class Shared(NamedTuple):
    """How many images of a set lie in another; `near` leaves out those that are `exact`."""

    exact: int
    near: int | None


def shared(
    images: Pixels, hashes: Columns, others: Pixels, other_hashes: Columns, *, near: bool = True
) -> Shared:
    """Count the images of one set that lie in another.

    Args:
        images: uint8 images `(N, C, H, W)`.
        hashes: Their columns of the statistic `image_hash`.
        others: The other set, `(M, C, H, W)`.
        other_hashes: Its columns.
        near: Whether to look for images that only look the same, too.

    Returns:
        Images with the very pixels of one of the others, and images that have none such but one
        whose perceptual hash differs in at most `DISTANCE` bits and whose pixels correlate by
        `CORRELATION` or more. `near` is None if it was not asked for or the images have less
        than eight pixels a side.
    """
    same = np.isin(joined(hashes, "pixel_hash"), joined(other_hashes, "pixel_hash"))
    exact = int(same.sum())
    if not near or min(images.shape[2:]) < SIDE:
        return Shared(exact, None)
    rows = np.flatnonzero(~same)
    looks, other_looks = (joined(of, "perceptual_hash") for of in (hashes, other_hashes))
    # images that occur often, black ones say, are looked at once
    rows, counts = _distinct(rows, joined(hashes, "pixel_hash"))
    columns, _ = _distinct(np.arange(len(others)), joined(other_hashes, "pixel_hash"))
    alike = _alike(images, rows, looks[rows], others, columns, other_looks[columns])
    return Shared(exact, int(counts[alike].sum()))


def repeated(hashes: Columns) -> int:
    """Return how many images have the pixels of an earlier one."""
    found = joined(hashes, "pixel_hash")
    return len(found) - len(np.unique(found))


def _distinct(rows: NDArray[np.int64], hashes: Hashes) -> tuple[NDArray[np.int64], ...]:
    """Return one row of each hash, and how many rows it stands for."""
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
    """Return for each row whether one of the columns looks the same."""
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
