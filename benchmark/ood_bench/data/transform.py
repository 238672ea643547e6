"""The one pipeline from a source's images to uint8 arrays of one shape."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ood_bench.data.decoding import BadImageError, decode, native_shape, shape_of
from ood_bench.data.options import OnBad, Transform
from ood_bench.data.pictures import Blob, Decoded, Pictures
from ood_bench.data.shape import Shape
from ood_bench.data.tally import ReadingCounts
from ood_bench.errors import DataError

FILTERS = {
    "bicubic": Image.Resampling.BICUBIC,
    "bilinear": Image.Resampling.BILINEAR,
    "box": Image.Resampling.BOX,
    "lanczos": Image.Resampling.LANCZOS,
}
LARGE = 8_192  # bytes of a file above which decoding it in a thread pays
BATCH = 256

Misfit: TypeAlias = Callable[[str, Shape, Shape, Shape], DataError]
"""Of where an image lies, its shape, that after the transform, and that of the first image."""


class Fitted(NamedTuple):
    """Images brought to one shape, and what came up on the way.

    Attributes:
        pixels: Those that were read, shape `(N, C, H, W)`.
        native: The shape that all had before; None if they differed.
        tally: What was done to how many, and which were left out.
    """

    pixels: NDArray[np.uint8]
    native: Shape | None
    tally: ReadingCounts


def cropped(transform: Transform, native: Shape) -> Shape:
    """Return the shape that is left after the crop.

    Example:
        >>> cropped(Transform(crop=148), Shape(3, 218, 178))
        Shape(channels=3, height=148, width=148)
    """
    channels, height, width = native
    side = min(height, width) if transform.crop == "square" else transform.crop
    if side is None:
        return native
    return Shape(channels, min(height, side), min(width, side))


def _pads(transform: Transform, size: tuple[int, int], target: Shape) -> bool:
    width, height = size
    return transform.pad is not None and width <= target.width and height <= target.height


def apply(image: Image.Image, transform: Transform, target: Shape) -> NDArray[np.uint8]:
    """Return one image after the transform, shape `(C, H, W)`; the target's, if it can be.

    Args:
        image: 8-bit gray (mode L) or colour (mode RGB).
        transform: What to do.
        target: The shape that is wanted.
    """
    _, height, width = cropped(transform, shape_of(image))
    if (width, height) != image.size:
        left, top = (image.width - width) // 2, (image.height - height) // 2
        image = image.crop((left, top, left + width, top + height))
    pads = _pads(transform, image.size, target)
    size = (target.width, target.height)
    if image.size != size and not pads and transform.resize:
        image = image.resize(size, FILTERS[transform.resize])
    wanted = transform.channels
    if wanted == "gray" or (wanted == "match" and target.channels == 1):
        image = image.convert("L")
    elif wanted == "rgb" or (wanted == "match" and target.channels == 3):
        image = image.convert("RGB")
    pixels = _array(image)
    if image.size != size and pads:
        pixels = _padded(pixels, target, mode=transform.pad)
    return 255 - pixels if transform.invert else pixels


def _padded(pixels: NDArray[np.uint8], target: Shape, *, mode: str | None) -> NDArray[np.uint8]:
    _, height, width = pixels.shape
    rows, columns = target.height - height, target.width - width
    around = (
        (0, 0),
        (rows // 2, rows - rows // 2),
        (columns // 2, columns - columns // 2),
    )
    return np.pad(pixels, around, mode="edge" if mode == "edge" else "constant")


def _array(image: Image.Image) -> NDArray[np.uint8]:
    pixels = np.frombuffer(image.tobytes(), np.uint8)
    if image.mode == "L":
        return pixels.reshape(1, image.height, image.width)
    return pixels.reshape(image.height, image.width, 3).transpose(2, 0, 1)


def fit_shape(
    pictures: Pictures,
    transform: Transform,
    target: Shape,
    *,
    name: str,
    on_bad: OnBad = "error",
    misfit: Misfit | None = None,
) -> Fitted:
    """Bring all images of a split to one shape.

    Args:
        pictures: At least one image.
        transform: What to do to each.
        target: The shape that is wanted.
        name: The data set's name, for messages.
        on_bad: Whether images that cannot be read are an error that lists them all, or are left
            out and counted.
        misfit: Makes the error about an image that has another shape after the transform.

    Raises:
        DataError: If an image cannot be read, or does not have the shape after the transform, or
            none is left.
    """
    tally = ReadingCounts(name, pictures.count, on_bad)
    if pictures.done:
        tally.done[pictures.done] = pictures.count
    if isinstance(pictures, Decoded) and _idle(transform, native_shape(pictures), target):
        return Fitted(np.array(pictures.pixels, order="C"), target, tally)
    pixels = np.empty((pictures.count, *target), np.uint8)
    natives: set[Shape] = set()
    found = used = 0
    for one in applied(pictures, transform, target):
        found += 1
        if isinstance(one, BadImageError):
            tally.leave_out(found - 1, one)
            continue
        where, native, result, done = one
        if tally.refused:
            continue
        if result.shape != target:
            make = misfit or _mixed_or_misfit(name, target)
            raise make(where, native, Shape(*result.shape), next(iter(natives), native))
        natives.add(native)
        if done:
            tally.note(done)
        pixels[used] = result
        used += 1
    if found != pictures.count:
        raise DataError(f"'{name}': {found} images where its files say {pictures.count}")
    tally.check()
    return Fitted(pixels[:used], natives.pop() if len(natives) == 1 else None, tally)


def _mixed_or_misfit(name: str, target: Shape) -> Misfit:
    def make(where: str, native: Shape, result: Shape, first: Shape) -> DataError:
        if first != native:
            return DataError(
                f"'{name}': {where} is {native}, unlike {first} before it; images of mixed "
                "shapes need a transform with resize and channels"
            )
        return _misfit(name, native, result, target)

    return make


def _idle(transform: Transform, native: Shape, target: Shape) -> bool:
    """Return whether a transform leaves images of the target's shape as they are."""
    changes = transform.invert or cropped(transform, native) != native
    kept = (None, "match", "gray" if target.channels == 1 else "rgb")
    return native == target and not changes and transform.channels in kept


def _misfit(name: str, native: Shape, result: Shape, target: Shape) -> DataError:
    after = "" if result == native else f", after its transform {result},"
    return DataError(
        f"'{name}' is {native}{after} but {target} is wanted; give it a transform: "
        f"datasets.{name}.transform: {{resize: bicubic, channels: match}}"
    )


class Applied(NamedTuple):
    """One image after a transform: where it came from, its shape before, its pixels.

    `done` says in words what was done to it beyond decoding and the transform.
    """

    where: str
    native: Shape
    pixels: NDArray[np.uint8]
    done: tuple[str, ...] = ()


def applied(
    pictures: Pictures, transform: Transform, target: Shape
) -> Iterator[Applied | BadImageError]:
    """Decode and transform in order; large files in threads, as Pillow then frees the lock.

    What cannot be read comes as its error, in its place.
    """

    def one(where: str, source: Blob | None) -> Applied | BadImageError:
        try:
            image, done = decode(where, source, transform.sixteen_bit)
        except BadImageError as error:
            return error
        return Applied(where, shape_of(image), apply(image, transform, target), done)

    if isinstance(pictures, Decoded):
        for i, pixels in enumerate(pictures.pixels):
            image = _image(pixels)
            yield Applied(f"row {i}", shape_of(image), apply(image, transform, target))
        return
    blobs = pictures.blobs()
    with ThreadPoolExecutor() as pool:
        while batch := list(islice(blobs, BATCH)):
            where, files = zip(*batch, strict=True)
            large = isinstance(files[0], Path) or len(files[0] or b"") > LARGE
            yield from (pool.map if large else map)(one, where, files)


def _image(pixels: NDArray[np.uint8]) -> Image.Image:
    planes = pixels[0] if len(pixels) == 1 else pixels.transpose(1, 2, 0)
    return Image.fromarray(np.ascontiguousarray(planes))


def describe(transform: Transform, native: Shape | None, target: Shape) -> str:
    """Say what a transform did to the images.

    Args:
        transform: The transform.
        native: The shape that all images had before it; None if they differed.
        target: The shape that they have now.

    Example:
        >>> usual = Transform(crop="square", resize="bicubic", channels="match")
        >>> describe(usual, Shape(3, 218, 178), Shape(1, 28, 28))
        'square crop, bicubic to 28×28, gray'
        >>> describe(usual, Shape(3, 32, 32), Shape(3, 32, 32))
        'none'
    """
    done = []
    left = cropped(transform, native) if native else None
    size = f"{target.height}×{target.width}"
    if transform.crop and (native is None or left != native):
        done.append("square crop" if transform.crop == "square" else f"{transform.crop} px crop")
    if left is None or (left.height, left.width) != (target.height, target.width):
        steps = [f"{transform.pad} pad"] if transform.pad else []
        if left is not None and not _pads(transform, (left.width, left.height), target):
            steps = []
        if transform.resize and (left is None or not steps):
            steps.append(transform.resize)
        done.append(f"{' or '.join(steps)} to {size}")
    if transform.channels and (native is None or native.channels != target.channels):
        done.append("gray" if target.channels == 1 else "rgb")
    if transform.invert:
        done.append("inverted")
    return ", ".join(done) or "none"
