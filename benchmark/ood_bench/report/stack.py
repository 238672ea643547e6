"""Panels of a figure in fewer columns, for a width that is too narrow for all of them."""

from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.gridspec import GridSpecBase

ABOVE = 0.3
"""Inches of a figure above its panels, for the title."""


@dataclass(frozen=True)
class _Panels:
    """Panels in reading order, each of one or two axes: itself, and the place of its legend."""

    panels: "list[list[Axes]]"
    empty: "list[Axes]"
    heights: list[float]
    rows: int
    columns: int


def columns_of(figure: "Figure") -> int:
    """Return the number of columns of a figure's panels; 1 if they cannot be stacked."""
    found = _panels(figure)
    return 1 if found is None else found.columns


def stack(figure: "Figure", columns: int) -> None:
    """Put a figure's panels into fewer columns, each as large as before; the figure grows."""
    found = _panels(figure)
    if found is None or columns >= found.columns:
        return
    for axes in found.empty:
        figure.delaxes(axes)
    rows, tall = ceil(len(found.panels) / columns), len(found.heights)
    grid = figure.add_gridspec(rows * tall, columns, height_ratios=found.heights * rows)
    for i, panel in enumerate(found.panels):
        for k, axes in enumerate(panel):
            axes.set_subplotspec(grid[tall * (i // columns) + k, i % columns])
    width, height = figure.get_size_inches()
    taller = (height - ABOVE) * rows / found.rows + ABOVE
    figure.set_size_inches(width * columns / found.columns, taller)


def _panels(figure: "Figure") -> _Panels | None:
    """Return a figure's panels if they are alike, have axes, and fill one grid."""
    cells: dict[tuple[int, int], Axes] = {}
    grids: list[GridSpecBase] = []
    for axes in figure.axes:
        spec = axes.get_subplotspec()
        if spec is None or spec.num1 != spec.num2:
            return None
        grids.append(spec.get_gridspec())
        cells[spec.rowspan.start, spec.colspan.start] = axes
    if not grids or any(grid is not grids[0] for grid in grids) or len(cells) < len(figure.axes):
        return None
    grid = grids[0]
    legends = [axes.get_legend() is not None and not axes.axison for axes in cells.values()]
    tall = 2 if any(legends) else 1
    ratios: list[float] = np.asarray(grid.get_height_ratios(), dtype=np.float64).tolist()
    if grid.nrows % tall or ratios != ratios[:tall] * (grid.nrows // tall):
        return None
    groups = [
        [cells[row + k, column] for k in range(tall) if (row + k, column) in cells]
        for row in range(0, grid.nrows, tall)
        for column in range(grid.ncols)
    ]
    full = [group for group in groups if group and group[0].axison]
    if not full or not all(
        group[0].get_xlabel() for group in full
    ):  # images, which no text is too wide for
        return None
    empty = [axes for group in groups if group not in full for axes in group]
    return _Panels(full, empty, ratios[:tall], grid.nrows // tall, grid.ncols)
