"""Figures in the width of a column: no letter is cut off, and no panel reaches into another."""

from itertools import combinations

import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ood_bench.analyses.panels import add_legends, row_of_panels
from ood_bench.analyses.style import look
from ood_bench.report.resize import PaperSize

LONG = "Contribution of a term, bits/dim (more likely →)"


def row(count: int) -> tuple[Figure, list[Axes]]:
    """Return a row of panels with their legends, as analyses draw them."""
    with look():
        figure, panels, places = row_of_panels(count)
        for i, axes in enumerate(panels):
            axes.plot([0, 1], [0, i], label="fashion_mnist (test) −0.650\n8 beyond the axis")
            axes.set(title=f"Panel {i}", xlabel="Contribution, bits/dim", ylabel=LONG)
        add_legends(figure, panels, places, title="Mean", height=2.7)
    return figure, panels


def require_room(figure: Figure) -> None:
    """Check that all text lies within a figure, and no two axes' text overlaps."""
    figure.draw_without_rendering()
    found = figure.get_tightbbox()
    width, height = figure.get_size_inches()
    assert min(found.x0, found.y0) >= -0.01
    assert found.x1 <= width + 0.01
    assert found.y1 <= height + 0.01
    boxes = [axes.get_tightbbox() for axes in figure.axes]
    for one, other in combinations([box for box in boxes if box is not None], 2):
        both = one.intersection(one, other)
        assert both is None or min(both.width, both.height) <= 1


@pytest.mark.parametrize(("width", "font", "columns"), [(3.3, 7, 1), (5.5, 8, 2)])
def test_panels_are_stacked_where_letters_need_it(width: float, font: float, columns: int) -> None:
    figure, panels = row(2)
    PaperSize(width, font).apply(figure)
    require_room(figure)
    assert figure.get_size_inches()[0] == pytest.approx(width)
    lefts = {round(axes.get_position().x0, 2) for axes in panels}
    tops = [axes.get_position().y1 for axes in panels]
    assert len(lefts) == columns
    assert tops == sorted(tops, reverse=True)
    assert len({round(top, 2) for top in tops}) == 2 // columns


def test_a_width_alone_scales_all_and_stacks_nothing() -> None:
    figure, panels = row(2)
    width, height = figure.get_size_inches()
    PaperSize(3.3).apply(figure)
    assert figure.get_size_inches() == pytest.approx((3.3, height * 3.3 / width))
    assert len({round(axes.get_position().y1, 2) for axes in panels}) == 1


def test_images_side_by_side_stay_there() -> None:
    figure = Figure(figsize=(7.2, 2.0), layout="constrained")
    strips = figure.subplots(1, 4, squeeze=False)[0]
    for axes in strips:
        axes.imshow([[0, 1], [1, 0]])
        axes.set_axis_off()
    PaperSize(3.3, 7).apply(figure)
    assert len({round(axes.get_position().x0, 2) for axes in strips}) == 4


def test_a_legend_below_a_figure_takes_the_lines_that_it_needs() -> None:
    with look():
        figure = Figure(figsize=(7.2, 4.0), layout="constrained")
        axes = figure.subplots()
        for i in range(4):
            axes.plot([0, 1], [0, i], label=f"series {i} with a name that is rather long")
        axes.set(ylabel=LONG, xlabel="x")
        figure.legend(loc="outside lower center", ncols=2, frameon=False)
    before = figure.get_size_inches()[1]
    PaperSize(3.3, 8).apply(figure)
    require_room(figure)
    (legend,) = figure.legends
    assert [text.get_text()[:8] for text in legend.get_texts()] == [f"series {i}" for i in range(4)]
    assert figure.get_size_inches()[1] > before * 3.3 / 7.2
