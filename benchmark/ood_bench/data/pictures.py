"""Images as a source holds them: encoded files, or an array, of any size."""

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from ood_bench.data.reading import in_words
from ood_bench.data.shape import Shape
from ood_bench.errors import DataError

Labels: TypeAlias = NDArray[np.int64] | None
Blob: TypeAlias = bytes | Path

_BOMBS = (Image.DecompressionBombWarning, Image.DecompressionBombError)


@dataclass(frozen=True)
class Encoded:
    """Image files, read one after the other.

    Attributes:
        count: How many.
        labels: Class of each, shape `(N,)`, or None.
        blobs: Starts a pass over (where, bytes or path) of each; `where` is for messages.
    """

    count: int
    labels: Labels
    blobs: Callable[[], Iterator[tuple[str, Blob]]]


@dataclass(frozen=True)
class Decoded:
    """Images of one size in memory.

    Attributes:
        pixels: uint8, shape `(N, C, H, W)`, one or three channels.
        labels: Class of each, shape `(N,)`, or None.
    """

    pixels: NDArray[np.uint8]
    labels: Labels

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


def decode(where: str, blob: Blob) -> Image.Image:
    """Decode one file to 8-bit gray (mode L) or colour (mode RGB).

    A pass over images is made within `quiet_decoders`, so that a file that declares more pixels
    than `PIL.Image.MAX_IMAGE_PIXELS` is refused before it is decompressed.

    Raises:
        DataError: If it does not decode, has too many pixels, has 16 bits a channel, or has
            transparent pixels.
    """
    try:
        with Image.open(io.BytesIO(blob) if isinstance(blob, bytes) else blob) as image:
            if image.mode in ("L", "RGB"):
                image.load()
                return image
            return _eight_bit(where, image)
    except DataError:
        raise
    except _BOMBS as error:
        most = Image.MAX_IMAGE_PIXELS or 0
        raise DataError(
            f"{where}: more than {most:,} pixels, the most that is decoded; make it smaller first"
        ) from error
    except Exception as error:
        unknown = isinstance(error, UnidentifiedImageError)
        reason = "unknown format" if unknown else in_words(error)
        raise DataError(f"{where}: not a readable image: {reason}") from error


def _eight_bit(where: str, image: Image.Image) -> Image.Image:
    if image.mode in ("I", "F") or image.mode.startswith("I;"):
        raise DataError(f"{where}: more than 8 bits a channel; write it as an 8-bit image")
    if image.mode == "1":
        return image.convert("L")
    if image.has_transparency_data:
        image = image.convert("LA" if image.mode in ("LA", "La") else "RGBA")
        if image.getchannel("A").getextrema() != (255, 255):
            raise DataError(f"{where}: transparent pixels have no one colour; flatten the image")
        return image.convert(image.mode.removesuffix("A"))
    return image.convert("RGB")


def native_shape(pictures: Pictures) -> Shape:
    """Return the shape of the first image, before any transform."""
    if isinstance(pictures, Decoded):
        _, channels, height, width = pictures.pixels.shape
        return Shape(channels, height, width)
    return shape_of(decode(*next(pictures.blobs())))


def shape_of(image: Image.Image) -> Shape:
    """Return the shape of a decoded image."""
    return Shape(3 if image.mode == "RGB" else 1, image.height, image.width)
