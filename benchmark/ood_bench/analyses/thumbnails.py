"""Images as PNG in a table, and drawn from there side by side."""

import io
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes

GAP = 1
"""White pixels around each image of a grid."""


def to_png(image: NDArray[np.uint8]) -> bytes:
    """Return an image `(C, H, W)` as PNG; channels other than gray or RGB lie side by side."""
    from PIL import Image

    pixels = image.transpose(1, 2, 0) if len(image) == 3 else np.concatenate(list(image), axis=1)
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(buffer, format="PNG")
    return buffer.getvalue()


def from_png(png: bytes) -> NDArray[np.uint8]:
    """Return the pixels of a PNG, shape `(H, W)` if gray and `(H, W, 3)` if RGB."""
    from PIL import Image

    with Image.open(io.BytesIO(png)) as image:
        return np.asarray(image, dtype=np.uint8)


def show(axes: "Axes", pixels: NDArray[np.uint8]) -> None:
    """Draw pixels as they are, black at 0 and white at 255, without a frame."""
    axes.imshow(pixels, interpolation="nearest", cmap="gray", vmin=0, vmax=255)
    bare(axes)


def bare(axes: "Axes") -> None:
    """Remove ticks and frame."""
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_visible(False)


def show_grid(axes: "Axes", pngs: Sequence[bytes], *, columns: int) -> None:
    """Draw images of one shape in rows; the one in row i and column j is centred on (j, i).

    Args:
        axes: The axes to draw in.
        pngs: At least one image.
        columns: Number of images per row.
    """
    images = [from_png(png) for png in pngs]
    rows = math.ceil(len(images) / columns)
    height, width = (side + 2 * GAP for side in images[0].shape[:2])
    grid = np.full((rows * height, columns * width, *images[0].shape[2:]), 255, np.uint8)
    for k, image in enumerate(images):
        i, j = divmod(k, columns)
        top, left = i * height + GAP, j * width + GAP
        grid[top : top + image.shape[0], left : left + image.shape[1]] = image
    show(axes, grid)
    axes.images[0].set_extent((-0.5, columns - 0.5, rows - 0.5, -0.5))
    axes.set_aspect(height / width)
