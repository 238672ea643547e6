"""Images that are computed: one colour, or noise. They take any shape asked for."""

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from ood_bench.data.options import DataOptions
from ood_bench.data.shape import Shape
from ood_bench.errors import DataError
from ood_bench.hashing import seed_for

Generator: TypeAlias = Callable[[DataOptions, str, Shape], NDArray[np.uint8]]


def constant(options: DataOptions, split: str, shape: Shape) -> NDArray[np.uint8]:
    """Return equal images of one gray level or colour, shape `(N, C, H, W)`."""
    del split
    values = options.colour or (options.level or 0,) * shape.channels
    if len(values) != shape.channels:
        raise DataError(f"colour has three channels but {shape} is wanted; give a level instead")
    count = options.count or 100
    one = np.asarray(values, np.uint8)[None, :, None, None]
    return np.ascontiguousarray(np.broadcast_to(one, (count, *shape)))


def noise(options: DataOptions, split: str, shape: Shape) -> NDArray[np.uint8]:
    """Return images of independent values uniform over 0 to 255, shape `(N, C, H, W)`.

    The values are the raw stream of PCG64, which NumPy keeps the same in every version; the
    same count, seed, split and shape give the same images on every machine, and a smaller
    count the first of them.
    """
    count = options.count or 10_000
    bits = np.random.PCG64(seed_for("noise", split, options.seed or 0, *shape))
    words = np.atleast_1d(bits.random_raw(-(-count * shape.dims // 8)))
    values = words.astype("<u8").view(np.uint8)[: count * shape.dims]
    return np.ascontiguousarray(values.reshape(count, *shape))
