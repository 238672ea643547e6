"""Nearest neighbours among a classifier's features."""

import numpy as np

from ood_bench.detectors.matrix import Matrix

_SHARE = 1000
_PAIRS = 2**24  # distances that are held at once, 128 MiB


def checked_k(k: int | None) -> int | None:
    """Return the number of neighbours that an option asks for.

    Raises:
        ValueError: If it is below 1.
    """
    if k is not None and k < 1:
        raise ValueError(f"k must be at least 1, got {k}")
    return k


def neighbours(k: int | None, images: int) -> int:
    """Return the number of neighbours; by default a thousandth of the images, at least 1.

    Raises:
        ValueError: If there are fewer images than that.

    Example:
        >>> neighbours(None, 50_000), neighbours(None, 600), neighbours(3, 600)
        (50, 1, 3)
    """
    found = max(1, round(images / _SHARE)) if k is None else k
    if images < found:
        raise ValueError(f"k = {found} needs as many images to fit on, got {images}")
    return found


def block(known: int) -> int:
    """Return how many images to compare with all known ones at once, so that it fits in memory.

    Example:
        >>> block(2_000), block(50_000), block(10**9)
        (512, 335, 1)
    """
    return max(1, min(512, _PAIRS // known))


def unit(features: Matrix) -> Matrix:
    """Return each row divided by its length; a row of zeros stays so."""
    length = np.linalg.norm(features, axis=1, keepdims=True)
    found: Matrix = features / np.where(length == 0, 1.0, length)
    return found
