"""A contact sheet: many images on one."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

GAP = 2
BACKGROUND = 96
SMALLEST = 48


def contact_sheet(pixels: NDArray[np.uint8], *, columns: int = 10) -> Image.Image:
    """Return images side by side in rows, small ones enlarged by a whole factor.

    Args:
        pixels: At least one image, shape `(N, C, H, W)`, one or three channels.
        columns: Images in a row.
    """
    count, channels, height, width = pixels.shape
    factor = max(1, -(-SMALLEST // max(height, width)))
    cell_height, cell_width = height * factor + GAP, width * factor + GAP
    columns = min(columns, count)
    rows = -(-count // columns)
    size = (rows * cell_height + GAP, columns * cell_width + GAP, channels)
    sheet = np.full(size, BACKGROUND, np.uint8)
    for i, image in enumerate(pixels):
        top = i // columns * cell_height + GAP
        left = i % columns * cell_width + GAP
        large = image.transpose(1, 2, 0).repeat(factor, axis=0).repeat(factor, axis=1)
        sheet[top : top + height * factor, left : left + width * factor] = large
    return Image.fromarray(sheet[..., 0] if channels == 1 else sheet)
