"""Rows of images with a number above each: one row per data set, or per part of one."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import pandas as pd

from ood_bench.analyses.thumbnails import bare, from_png, show
from ood_bench.units import legible

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Strip(NamedTuple):
    """A row of images.

    Attributes:
        data: The data set, which determines the colour.
        label: The line below its name.
        images: Columns `png` and `bits_per_dim`; may be empty.
    """

    data: str
    label: str
    images: pd.DataFrame


class Distinct(NamedTuple):
    """An image of a row, and how many images of the row it stands for, itself included."""

    row: int
    bits: float
    png: bytes
    copies: int


def distinct(images: pd.DataFrame) -> list[Distinct]:
    """Return the images of a row without repetitions, such as those of a constant data set."""
    found: dict[bytes, Distinct] = {}
    for row, bits, png in zip(images["row"], images["bits_per_dim"], images["png"], strict=True):
        one = found.setdefault(bytes(png), Distinct(int(row), float(bits), bytes(png), 0))
        found[one.png] = one._replace(copies=one.copies + 1)
    return list(found.values())


def draw_strips(strips: Sequence[Strip], *, title: str, margin: float) -> "Figure":
    """Draw each row with its name on the left and bits per dimension above each image.

    Images that are the same are drawn once, with their number.

    Args:
        strips: The rows, at least one.
        title: The title above all rows.
        margin: Width of the names' column, in inches.
    """
    from matplotlib.figure import Figure

    from ood_bench.analyses.style import data_colours, look, plain

    colours = data_colours(list(dict.fromkeys(strip.data for strip in strips)))
    columns = max(1, *(len(distinct(strip.images)) for strip in strips))
    with look():
        size = (0.72 * columns + margin, 0.9 * len(strips) + 0.35)
        figure = Figure(figsize=size, layout="constrained")
        grid = figure.subplots(len(strips), columns, squeeze=False)
        for line, (data, label, images) in zip(grid, strips, strict=True):
            for axes in line:
                bare(axes)
            for axes, one in zip(line, distinct(images), strict=False):
                show(axes, from_png(one.png))
                times = f" ×{one.copies}" if one.copies > 1 else ""
                axes.set_title(f"{legible(one.bits)}{times}", fontsize=7, pad=2)
            line[0].set_ylabel(
                plain(f"{data}\n{label}"),
                rotation=0,
                ha="right",
                va="center",
                fontsize=8,
                color=colours[data],
            )
        figure.suptitle(plain(title), fontsize=9)
    return figure
