"""Images as a source holds them: encoded files, or an array, of any size."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ood_bench.errors import DataError

Labels: TypeAlias = NDArray[np.int64] | None
Blob: TypeAlias = bytes | Path
"""A file's content, or its path."""


@dataclass(frozen=True)
class Encoded:
    """Image files, read one after the other.

    Attributes:
        count: How many.
        labels: Class of each, shape `(N,)`, or None.
        blobs: Starts a pass over (where, bytes or path) of each; `where` is for messages. None
            in place of a row without an image.
        done: What is true of all, in words that go on after "3 images"; empty if nothing.
    """

    count: int
    labels: Labels
    blobs: Callable[[], Iterator[tuple[str, Blob | None]]]
    done: str = ""


@dataclass(frozen=True)
class Decoded:
    """Images of one size in memory.

    Attributes:
        pixels: uint8, shape `(N, C, H, W)`, one or three channels.
        labels: Class of each, shape `(N,)`, or None.
        done: What is true of all, in words that go on after "3 images"; empty if nothing.
    """

    pixels: NDArray[np.uint8]
    labels: Labels
    done: str = ""

    @property
    def count(self) -> int:
        """How many."""
        return len(self.pixels)


Pictures: TypeAlias = Encoded | Decoded


def as_labels(where: str, values: NDArray[Any], count: int) -> NDArray[np.int64]:
    """Return classes as a source holds them, whatever the type of their integers.

    Args:
        where: Where they lie, for messages.
        values: The classes.
        count: How many images they are of.

    Raises:
        DataError: If they are not one integer an image, or one is too large for 64 bits.
    """
    if values.shape != (count,) or not np.issubdtype(values.dtype, np.integer):
        raise DataError(f"{where} must hold one integer for each of {count} images")
    if count and int(values.max()) > np.iinfo(np.int64).max:
        raise DataError(f"{where}: {values.max()} is no class; number the classes from 0")
    return values.astype(np.int64)
