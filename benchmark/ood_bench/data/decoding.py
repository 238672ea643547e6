"""Decode image files to 8-bit gray or colour, or say why that is impossible."""

import errno
import io
from functools import partial
from importlib.util import find_spec
from typing import Literal, NamedTuple

import numpy as np
from PIL import ExifTags, Image, ImageFile, UnidentifiedImageError

from ood_bench.data import depth
from ood_bench.data.pictures import Blob, Decoded, Pictures
from ood_bench.data.reading import error_in_words
from ood_bench.data.shape import Shape
from ood_bench.errors import DataError

FORMATS = (
    *("PNG", "JPEG", "WEBP", "BMP", "GIF", "PPM", "TIFF", "JPEG2000", "DIB", "ICO"),
    *(("AVIF",) if find_spec("PIL.AvifImagePlugin") else ()),
)
"""Pillow's names of the formats that are read; TGA has no magic number and needs its suffix."""

_BOMBS = (Image.DecompressionBombWarning, Image.DecompressionBombError)
_SAMPLES = 277  # tag of TIFF
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_TOLD = frozenset(("exif", "Raw profile type exif", "xmp", "XML:com.adobe.xmp"))

SixteenBit = Literal["refuse", "scale"]


class BadImageError(DataError):
    """An image that cannot be read, or not unambiguously as 8 bits.

    Attributes:
        reason: The kind of fault in a few words, for counts.
    """

    def __init__(self, message: str, reason: str) -> None:
        super().__init__(message)
        self.reason = reason

    def __reduce__(self) -> tuple[type["BadImageError"], tuple[str, str]]:
        """Pickle both."""
        return BadImageError, (str(self), self.reason)


class DecodedImage(NamedTuple):
    """A decoded image in mode L or RGB, and what was done beyond decoding.

    `done` continues a sentence that begins with "3 of 4 images".
    """

    image: Image.Image
    done: tuple[str, ...] = ()


def decode(where: str, blob: Blob | None, sixteen_bit: SixteenBit = "refuse") -> DecodedImage:
    """Decode one file to 8-bit gray (mode L) or colour (mode RGB).

    Call it within `quiet_decoders`, so that a file that declares more pixels than
    `PIL.Image.MAX_IMAGE_PIXELS` is rejected before it is decompressed.

    Args:
        where: The name of the image in messages.
        blob: The file's content or path; None where a table has a row without an image.
        sixteen_bit: Whether files of more than 8 bits a channel are scaled to 8.

    Raises:
        BadImageError: If it does not decode, has too many pixels, has more bits than are wanted,
            has transparent pixels, or has other channels than gray or red, green and blue.
        DataError: If the system denies access to the file.
    """
    if blob is None:
        raise BadImageError(f"{where}: the image's bytes are not in the file", "without bytes")
    try:
        with _opened(where, blob) as image:
            return _picture(where, blob, image, sixteen_bit)
    except DataError:
        raise
    except _BOMBS as error:
        most = Image.MAX_IMAGE_PIXELS or 0
        raise BadImageError(
            f"{where}: more than {most:,} pixels, the most that is decoded; make it smaller first",
            "too many pixels",
        ) from error
    except Exception as error:
        if isinstance(error, OSError) and error.errno not in (None, errno.ENOENT):
            # not the image's fault, so no reason to leave it out
            raise DataError(f"{where}: cannot be read: {error.strerror}") from error
        unknown = isinstance(error, UnidentifiedImageError)
        reason = "unknown format" if unknown else error_in_words(error)
        raise BadImageError(f"{where}: not a readable image: {reason}", "not readable") from error


def _opened(where: str, blob: Blob) -> ImageFile.ImageFile:
    formats = (*FORMATS, "TGA") if where.lower().endswith(".tga") else FORMATS
    return Image.open(io.BytesIO(blob) if isinstance(blob, bytes) else blob, formats=formats)


def _picture(
    where: str, blob: Blob, image: ImageFile.ImageFile, sixteen_bit: SixteenBit
) -> DecodedImage:
    done = []
    if getattr(image, "is_animated", False) or len(image.info.get("sizes", ())) > 1:
        done.append("with several pages or frames, of which the first was read")
    turned = image.format == "TIFF" and _tag(image, ExifTags.Base.Orientation) in _TURNS
    top = depth.largest(image, blob)
    if top == 255:
        image.load()
        flat = _eight_bit(where, image)
    else:
        flat = _scaled(where, blob, image, top, sixteen_bit)
        done.append(f"scaled from 0 to {top:,} to 0 to 255")
    turn = None if image.format == "TIFF" else _TURNS.get(_orientation(image))
    if turn is not None:  # Pillow rotates a TIFF file while loading
        flat = flat.transpose(turn)
    if turned or turn is not None:
        done.append("turned by their EXIF orientation")
    return DecodedImage(flat, tuple(done))


def _tag(image: ImageFile.ImageFile, tag: int) -> int:
    return int(image.tag_v2.get(tag, 1))  # type: ignore[attr-defined]  # TIFF files have them


def _orientation(image: Image.Image) -> int:
    """Return the orientation of a loaded file by its EXIF or XMP data; 1 is upright."""
    if _TOLD.isdisjoint(image.info):
        return 1
    return int(image.getexif().get(ExifTags.Base.Orientation, 1))


def _eight_bit(where: str, image: ImageFile.ImageFile) -> Image.Image:
    clear = "transparency" in image.info
    if image.mode in ("L", "RGB") and not clear and image.format != "TIFF":
        return image
    bands = len(image.getbands())
    if image.format == "TIFF" and _tag(image, _SAMPLES) > bands and image.mode != "P":
        raise BadImageError(
            f"{where}: {_tag(image, _SAMPLES)} channels; only gray and colour images are read",
            "other channels",
        )
    if image.mode == "LAB":
        raise BadImageError(
            f"{where}: in the colour space CIELAB; write it as gray, RGB or CMYK",
            "other colour space",
        )
    if image.has_transparency_data:
        mode = "LA" if image.mode in ("1", "L", "LA", "La") else "RGBA"
        image_a = image.convert(mode)
        if image_a.getchannel("A").getextrema() != (255, 255):
            raise _transparent(where)
        return image_a.convert(mode.removesuffix("A"))
    if image.mode in ("L", "RGB"):
        return image
    return image.convert("L" if image.mode == "1" else "RGB")


def _transparent(where: str) -> BadImageError:
    return BadImageError(
        f"{where}: transparent pixels have no one colour; flatten the image", "transparent"
    )


def _scaled(
    where: str, blob: Blob, image: ImageFile.ImageFile, top: int, sixteen_bit: SixteenBit
) -> Image.Image:
    many = f"{where}: more than 8 bits a channel"
    if not top:
        line = f"{many}, without a largest value; write it as an 8-bit image"
        raise BadImageError(line, "more than 8 bits")
    if sixteen_bit != "scale":
        raise BadImageError(
            f"{many} (0 to {top:,}); `transform: {{sixteen_bit: scale}}` brings them to 0 to 255, "
            "or write it as an 8-bit image",
            "more than 8 bits",
        )
    if image.format == "PPM" and image.mode == "RGB":  # scaled as it is decoded
        image.load()
        return image
    channels = depth.values(partial(_opened, where, blob), top)
    if channels is None:
        raise BadImageError(
            f"{many} in a form that cannot be scaled; write it as an 8-bit image",
            "more than 8 bits",
        )
    image.load()  # for what lies behind the pixels in the file
    clear = image.info.get("transparency")
    if clear is not None and (channels == np.asarray(clear)).all(axis=-1).any():
        raise _transparent(where)
    if channels.shape[-1] in (2, 4):
        channels, opacity = channels[..., :-1], channels[..., -1]
        if (opacity != top).any():
            raise _transparent(where)
    eight = ((channels.astype(np.uint32) * 510 + top) // (2 * top)).astype(np.uint8)
    return Image.fromarray(eight[..., 0] if eight.shape[-1] == 1 else eight)


def native_shape(pictures: Pictures, sixteen_bit: SixteenBit = "refuse") -> Shape:
    """Return the shape of the first image, before any transform.

    Raises:
        BadImageError: If it cannot be read.
    """
    if isinstance(pictures, Decoded):
        _, channels, height, width = pictures.pixels.shape
        return Shape(channels, height, width)
    return shape_of(decode(*next(pictures.blobs()), sixteen_bit).image)


def shape_of(image: Image.Image) -> Shape:
    """Return the shape of a decoded image."""
    return Shape(3 if image.mode == "RGB" else 1, image.height, image.width)
