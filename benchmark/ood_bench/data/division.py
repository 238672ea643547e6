"""Division of a source without splits into training and test images, by content."""

import hashlib
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ood_bench.data.decoding import BadImageError
from ood_bench.data.options import Division, Transform
from ood_bench.data.pictures import Pictures
from ood_bench.data.shape import Shape
from ood_bench.data.transform import applied
from ood_bench.errors import DataError

_UNTOUCHED = {"crop": None, "pad": None, "resize": None, "channels": None, "invert": False}


class Content(NamedTuple):
    """A hash of an image, and what was done to it beyond decoding."""

    hash: str
    done: tuple[str, ...]


def contents(pictures: Pictures, transform: Transform, *, seed: int) -> list[Content]:
    """Return the contents of all images that can be read.

    An image's hash covers its decoded pixels, its shape and a seed. It depends neither on the
    file's name and format nor on the transform of decoded images.
    """
    as_decoded = transform.model_copy(update=_UNTOUCHED)
    found = []
    for image in applied(pictures, as_decoded, Shape(1, 1, 1)):
        if not isinstance(image, BadImageError):
            shown = f"{seed} {image.pixels.shape} ".encode() + image.pixels.tobytes()
            done = (*([pictures.done] if pictures.done else []), *image.done)
            found.append(Content(hashlib.sha256(shown).hexdigest(), done))
    return found


def divide(
    hashes: Sequence[str], labels: Iterable[int], division: Division, *, name: str
) -> dict[str, NDArray[np.int64]]:
    """Return the rows of `train` and of `test`, each in the order of the images' hashes.

    Equal images fall on one side. The order of the rows does not matter.

    Args:
        hashes: A hash of each image's content.
        labels: The class of each image, which orders equal images.
        division: The share of test images.
        name: The data set's name, for messages.

    Raises:
        DataError: If there are too few distinct images for two splits.

    Example:
        >>> rows = divide(["b", "a", "c", "a", "d"], [0] * 5, Division(test=0.4), name="own")
        >>> rows["test"].tolist(), rows["train"].tolist()
        ([1, 3], [0, 2, 4])
    """
    order = sorted(range(len(hashes)), key=list(zip(hashes, labels, strict=True)).__getitem__)
    stop = max(1, round(division.test * len(order)))
    while stop < len(order) and hashes[order[stop]] == hashes[order[stop - 1]]:
        stop += 1
    if stop >= len(order):
        raise DataError(
            f"'{name}': its {len(order):,} images, {len(set(hashes)):,} of them different, are too "
            f"few to be divided with test: {division.test:g}"
        )
    rows = np.asarray(order, np.int64)
    return {"train": rows[stop:], "test": rows[:stop]}
