"""Bit depth of image files, and the values of files with more than 8 bits per channel.

Pillow keeps only the upper byte of 16-bit colour and calls the result RGB, so the decoded mode
is unreliable; the depth is read from the file's header.
"""

import sys
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import ImageFile

from ood_bench.data.pictures import Blob

_BITS, _KIND, _PLANES, _PHOTOMETRIC = 258, 339, 284, 262  # tags of TIFF
_OTHER_END = {"B": "L", "L": "B", "N": "B" if sys.byteorder == "little" else "L"}


def largest(image: ImageFile.ImageFile, blob: Blob) -> int:
    """Return the largest value of a channel that a file declares; 0 if it declares none.

    Floats, and integers that are signed or have 32 bits, have no largest value.

    Args:
        image: The file, opened and not yet decoded.
        blob: The same file.
    """
    if image.mode == "F" or (image.mode == "I" and image.format != "PPM"):
        return 0
    find = _HEADERS.get(image.format or "")
    return find(image, blob) if find else 255


def _png(image: ImageFile.ImageFile, _: Blob) -> int:
    return 65_535 if ";16" in _raw(image) else 255


def _ppm(image: ImageFile.ImageFile, _: Blob) -> int:
    args = image.tile[0].args
    if isinstance(args, tuple):
        return max(255, int(args[-1]))
    return 65_535 if args == "I;16B" else 255


def _tiff(image: ImageFile.ImageFile, _: Blob) -> int:
    tags = image.tag_v2  # type: ignore[attr-defined]  # TIFF files have them
    unsigned = set(tags.get(_KIND, (1,))) <= {1, 4}
    return max(255, 2 ** max(tags.get(_BITS, (1,))) - 1) if unsigned else 0


def _jpeg_2000(_: ImageFile.ImageFile, blob: Blob) -> int:
    """Read the depth of each component from the segment SIZ, ISO 15444-1, A.5.1."""
    content = _content(blob)
    siz = content.find(b"\xff\x4f\xff\x51") + 4
    count = int.from_bytes(content[siz + 36 : siz + 38])
    depths = content[siz + 38 : siz + 38 + 3 * count : 3]
    return 0 if any(depth & 0x80 for depth in depths) else max(255, 2 ** (max(depths) + 1) - 1)


def _avif(_: ImageFile.ImageFile, blob: Blob) -> int:
    """Read the depth from the boxes av1C, which each image of the file has one of."""
    boxes = _content(blob).partition(b"mdat")[0].split(b"av1C")[1:]
    flags = [box[2] for box in boxes if len(box) > 2]
    if not any(flag & 0x40 for flag in flags):
        return 255
    return 4_095 if any(flag & 0x20 for flag in flags) else 1_023


def _content(blob: Blob) -> bytes:
    return blob if isinstance(blob, bytes) else blob.read_bytes()


_HEADERS: dict[str, Callable[[ImageFile.ImageFile, Blob], int]] = {
    "PNG": _png,
    "PPM": _ppm,
    "TIFF": _tiff,
    "JPEG2000": _jpeg_2000,
    "AVIF": _avif,
}


def values(again: Callable[[], ImageFile.ImageFile], top: int) -> NDArray[np.uint16] | None:
    """Return all channels of a file of more than 8 bits, shape `(H, W, C)`, opacity last.

    Supports gray and colour of PNG and TIFF, and gray of PGM; None for other files.

    Args:
        again: Opens the file anew.
        top: The file's largest value, see `largest`.
    """
    image = again()
    if image.format == "PPM" and image.mode == "I":  # brought from 0..top to 0..65535
        stretched = np.asarray(image).astype(np.int64)[..., None]
        return ((stretched * top + 32_767) // 65_535).astype(np.uint16)
    if image.format not in ("PNG", "TIFF") or (image.format == "TIFF" and not _plain(image)):
        return None
    raw = _raw(image)
    if image.mode.startswith("I;16"):
        return np.asarray(image).astype(np.uint16)[..., None]
    if raw == "LA;16B":  # two bytes a channel, read as four channels of one
        high, low = np.split(_decoded(image, "RGBA")[..., [0, 2, 1, 3]], 2, axis=-1)
    elif raw[:-1] in ("RGB;16", "RGBA;16"):
        # Pillow keeps the upper byte; with the opposite byte order it keeps the lower one
        high, low = _decoded(image, raw), _decoded(again(), raw[:-1] + _OTHER_END[raw[-1]])
    else:
        return None
    return high * np.uint16(256) + low


def _plain(image: ImageFile.ImageFile) -> bool:
    """Return whether a TIFF file has interleaved channels, and black is 0."""
    tags = image.tag_v2  # type: ignore[attr-defined]  # TIFF files have them
    return tags.get(_PLANES, 1) == 1 and tags.get(_PHOTOMETRIC) in (1, 2)


def _raw(image: ImageFile.ImageFile) -> str:
    args = image.tile[0].args
    return str(args[0] if isinstance(args, tuple) else args)


def _decoded(image: ImageFile.ImageFile, raw: str) -> NDArray[np.uint16]:
    """Decode a file with one of Pillow's raw modes."""
    tiles = []
    for tile in image.tile:
        args = (raw, *tile.args[1:]) if isinstance(tile.args, tuple) else raw
        tiles.append(tile._replace(args=args))
    image.tile = tiles
    return np.asarray(image).astype(np.uint16)
