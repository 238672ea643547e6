"""Images in memory, and their provenance."""

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ood_bench.data.shape import Shape
from ood_bench.hashing import digest


@dataclass(frozen=True)
class Images:
    """The images of one split, all of one shape.

    Attributes:
        pixels: uint8, contiguous, shape `(N, C, H, W)`.
        labels: Class of each image, shape `(N,)`; None if the source has none.
        digest: Digest of the pixels' shape and values, see `content_digest`.
    """

    pixels: NDArray[np.uint8]
    labels: NDArray[np.int64] | None
    digest: str


@dataclass(frozen=True)
class ImagesInfo:
    """Provenance of the images of one split, as shown in reports.

    Attributes:
        name: The data set's name in the suite.
        title: Its name in prose.
        split: The source's split that was read.
        count: Number of images.
        shape: Their shape after the transform.
        digest: Digest of their pixels, see `content_digest`.
        source: Where they were found: "data root, Parquet", "embedded subset", "generated".
        transform: The transform in words, "none" or as in "square crop, bicubic to 32×32, gray".
        licence: Terms of use.
        citation: What to cite.
        note: A remark for readers, on a subset used instead, a split other than test, or fewer
            images than published; may be empty.
        labels: Digest of their labels; empty without labels.
        classes: The largest label plus one; 0 without labels.
    """

    name: str
    title: str
    split: str
    count: int
    shape: Shape
    digest: str
    source: str
    transform: str
    licence: str
    citation: str
    note: str
    labels: str = ""
    classes: int = 0


def content_digest(pixels: NDArray[np.uint8]) -> str:
    """Return the digest of a set of images: of N, C, H, W and the pixel values in order.

    It does not depend on the source, the file format or the labels.

    Example:
        >>> content_digest(np.zeros((2, 1, 1, 1), np.uint8))
        '984a69f714627d47e1f30e988794e8a5'
    """
    values = hashlib.sha256(np.ascontiguousarray(pixels).data).hexdigest()
    return digest({"shape": list(pixels.shape), "pixels": values})
