"""A data set of a package: horizontal stripes of every width."""

import numpy as np
from numpy.typing import NDArray

from ood_bench.data import DataOptions, Entry, Shape


def stripes(options: DataOptions, split: str, shape: Shape) -> NDArray[np.uint8]:
    """Return black and white stripes, each image with another width."""
    rows = np.arange(shape.height)[None, :] // np.arange(1, (options.count or 8) + 1)[:, None]
    pixels = (255 * (rows % 2)).astype(np.uint8)[:, None, :, None]
    return np.broadcast_to(pixels, (len(pixels), *shape)).copy()


STRIPES = Entry("stripes", "Stripes", "none needed", "", generate=stripes, takes=("count",))
