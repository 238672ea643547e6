"""A row of panels, each with its legend below it."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH = 7.2
LINE = 0.165
FRAME = 0.3
"""Inches: width of a row, height of a line of a legend, height of titles above and below."""


def row_of_panels(count: int) -> "tuple[Figure, list[Axes], list[Axes]]":
    """Return a figure, its panels, and below each an empty place for its legend."""
    from matplotlib.figure import Figure

    figure = Figure(layout="constrained")
    grid = figure.subplots(2, count, squeeze=False)
    for axes in grid[1]:
        axes.set_axis_off()
    return figure, list(grid[0]), list(grid[1])


def add_legends(
    figure: "Figure", panels: "list[Axes]", places: "list[Axes]", *, title: str, height: float
) -> None:
    """Give each panel its legend, and the figure the height that panels and legends need.

    Args:
        figure: What `row_of_panels` returned.
        panels: The drawn panels.
        places: The places below them.
        title: Over each legend.
        height: Height of the panels, in inches.
    """
    most = 0
    for axes, below in zip(panels, places, strict=True):
        handles, labels = axes.get_legend_handles_labels()
        below.legend(
            handles,
            labels,
            title=title,
            loc="upper center",
            borderaxespad=0,
            handlelength=1.6,
            frameon=False,
        )
        most = max(most, sum(label.count("\n") + 1 for label in labels))
    legend_height = LINE * (most + 1) + FRAME / 2
    figure.set_size_inches(WIDTH, height + legend_height + FRAME)
    gridspec = panels[0].get_gridspec()
    if gridspec is None:
        raise ValueError("the panels are not in a grid")
    gridspec.set_height_ratios([height, legend_height])
