"""Images as a source holds them: encoded files, or an array, of any size."""

import io
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from ood_bench.data.shape import Shape
from ood_bench.errors import DataError

Labels: TypeAlias = NDArray[np.int64] | None
Blob: TypeAlias = bytes | Path

# What Pillow raises on damaged files, by its plugins.
_DAMAGE = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    EOFError,
    IndexError,
    OverflowError,
    MemoryError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
)


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


def decode(where: str, blob: Blob) -> Image.Image:
    """Decode one file to 8-bit gray (mode L) or colour (mode RGB).

    Raises:
        DataError: If it does not decode, has 16 bits a channel, or has transparent pixels.
    """
    try:
        with Image.open(io.BytesIO(blob) if isinstance(blob, bytes) else blob) as image:
            if image.mode in ("L", "RGB"):
                image.load()
                return image
            return _eight_bit(where, image)
    except _DAMAGE as error:
        unknown = isinstance(error, UnidentifiedImageError)
        reason = "unknown format" if unknown else " ".join(str(error).split())
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
