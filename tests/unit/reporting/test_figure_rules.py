"""Rules of figures: arrows point the right way, and no far value squeezes or fills an axis."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ood_bench.analyses import Analysis, Split, Study
from ood_bench.analyses.bins import Series, fine_width, shown
from ood_bench.analyses.constants import Constants
from ood_bench.analyses.course import Course
from ood_bench.analyses.extremes import Extremes
from ood_bench.analyses.graying import Graying
from ood_bench.analyses.histogram import Histogram
from ood_bench.analyses.outliers import Outliers
from ood_bench.analyses.roc import Roc
from ood_bench.analyses.samples import grid_columns
from ood_bench.analyses.second_order import GAPS, SecondOrder
from ood_bench.analyses.simplicity import Simplicity
from ood_bench.analyses.strips import distinct
from ood_bench.analyses.style import colours_of_report, data_colours
from ood_bench.analyses.view import BEYOND
from ood_bench.detectors import Columns

FAR = 2e29
COMMON = {"model": "glow", "inside": "a"}


def course() -> pd.DataFrame:
    lines = {"a": [8.0, 4.0, 3.0], "near": [9.0, 5.0, 4.0], "noise": [40.0, 900.0, FAR]}
    return pd.DataFrame(
        [
            COMMON
            | {"step": step, "data": data, "split": "test", "bits_per_dim": bits, "images": 50}
            | {"error": bits, "gap": np.nan, "gap_error": np.nan}
            for data, line in lines.items()
            for step, bits in zip((0, 10, 100), line, strict=True)
        ]
    )


def constants() -> pd.DataFrame:
    rows = [("constant", "", level, 1 + level / 255) for level in (0, 128, 255)]
    rows += [("data", "a", np.nan, 3.0), ("data", "b", np.nan, FAR), ("noise", "", np.nan, 199.4)]
    return pd.DataFrame(
        [
            COMMON | {"part": part, "data": data, "level": level, "bits_per_dim": bits}
            | {"low": bits, "high": bits, "count": 9}
            for part, data, level, bits in rows
        ]
    )  # fmt: skip


def graying() -> pd.DataFrame:
    from ood_bench.analyses.thumbnails import to_png

    png = to_png(np.zeros((1, 4, 4), np.uint8))
    lines = {"a": (4.0, 3.0, 1.5), "noise": (FAR, FAR, 1.5)}
    return pd.DataFrame(
        [
            COMMON | {"data": data, "factor": factor, "part": part, "row": 0, "png": png}
            | {"bits_per_dim": bits, "low": -bits, "high": 2 * bits, "count": 9}
            | {"change": 0.0, "change_low": 0.0, "change_high": 0.0}
            | {"auroc": 0.5, "auroc_low": 0.4, "auroc_high": 0.6}
            for part in ("mean", "example")
            for data, line in lines.items()
            for factor, bits in zip((1.0, 0.5, 0.0), line, strict=True)
        ]
    )  # fmt: skip


def second_order() -> pd.DataFrame:
    gaps = {"b": (1.2, 284.0, 16.0), "noise": (-FAR, -3e4, -2e4)}
    return pd.DataFrame(
        [
            COMMON | {"outside": outside, "quantity": quantity, "channel": -1}
            | {"unit": "bits_per_dim", "value": v, "low": v - abs(v) / 9, "high": v + 2 * abs(v)}
            for outside, values in gaps.items()
            for quantity, v in zip(GAPS, values, strict=False)
        ]
    )  # fmt: skip


def simplicity() -> pd.DataFrame:
    random = np.random.default_rng(0)
    return pd.DataFrame(
        [
            COMMON | {"data": data, "against": against, "part": "point", "x": random.random()}
            | {"bits_per_dim": middle + random.random(), "count": 1}
            for data, middle in (("a", 3.0), ("b", 2.5), ("noise", FAR))
            for against in ("variance", "complexity")
            for _ in range(30)
        ]
    )  # fmt: skip


DRAWN: dict[str, tuple[Analysis, pd.DataFrame]] = {
    "course": (Course(), course()),
    "constants": (Constants(), constants()),
    "graying": (Graying(), graying()),
    "second_order": (SecondOrder(), second_order()),
    "simplicity": (Simplicity(), simplicity()),
}


def drawn(name: str) -> Figure:
    analysis, table = DRAWN[name]
    figure = analysis.draw(table)
    figure.canvas.draw()
    return figure


def far(figure: Figure) -> Iterator[tuple[Axes, Any]]:
    """Yield the marks of what lies beyond an axis."""
    axes = [*figure.axes, *(axes for part in figure.subfigs for axes in part.axes)]
    yield from ((one, line) for one in axes for line in one.lines if line.get_gid() == BEYOND)


@pytest.mark.parametrize("name", DRAWN)
def test_an_arrow_in_the_label_of_an_axis_points_to_what_is_likelier(name: str) -> None:
    """The label of a vertical axis is turned to the left, so that → points up."""
    figure = drawn(name)
    axes = [*figure.axes, *(axes for part in figure.subfigs for axes in part.axes)]
    labels = [(one, label) for one in axes if "likely" in (label := one.get_ylabel())]
    assert name == "second_order" or labels
    for one, label in labels:
        assert ("more likely →" in label) == one.yaxis_inverted(), label
        assert ("← more likely" in label) != one.yaxis_inverted(), label


@pytest.mark.parametrize("name", DRAWN)
def test_what_is_astronomically_far_leaves_the_axis_and_is_marked_at_it(name: str) -> None:
    figure = drawn(name)
    marks = list(far(figure))
    assert marks
    for axes, line in marks:
        x, y = line.get_xdata()[0], line.get_ydata()[0]
        at_y_edge = line.get_transform() == axes.get_xaxis_transform() and y in (0.0, 1.0)
        assert at_y_edge or x in axes.get_xlim() or name == "second_order"
    for axes, _ in marks:
        limits = axes.get_xlim() if name == "second_order" else axes.get_ylim()
        assert max(map(abs, limits)) < 1e6


@pytest.mark.parametrize("name", ["course", "graying"])
def test_no_band_is_drawn_around_what_lies_beyond_or_below_zero(name: str) -> None:
    figure = drawn(name)
    for axes in {axes for axes, _ in far(figure)}:
        top = axes.get_ylim()[1]
        for band in axes.collections:
            for path in band.get_paths():
                heights = np.asarray(path.vertices, dtype=np.float64)[:, 1]
                assert 0 <= heights.min() <= heights.max() < 5 * top


def test_numbers_have_three_digits_and_no_exponent_up_to_a_million() -> None:
    figure = drawn("second_order")
    texts = [text.get_text() for axes in figure.axes for text in axes.texts]
    assert texts == ["1.20", "284", "16.0", "−2.00e29", "−30,000", "−20,000"]
    (axes, _), *_ = far(drawn("constants"))
    labels = [text.get_text() for text in axes.figure.legends[0].get_texts()]
    assert "b (OOD), mean 2.00e29, beyond the axis" in labels
    assert "uniform noise, mean 199, beyond the axis" in labels


def test_a_series_beyond_the_axis_is_marked_on_the_axis_and_two_of_them_apart(
    study: Study,
) -> None:
    columns = dict(study.columns)
    for name in ("mnist", "constant_0"):
        values = columns[name, "test"]["log_prob"] * 1e6
        far_off: Columns = {"log_prob": values}
        side: tuple[str, Split] = (name, "test")
        columns[side] = far_off
    figure = Histogram().draw(Histogram().tabulate(replace(study, columns=columns)))
    heights = [line.get_ydata()[0] / axes.get_ylim()[1] for axes, line in far(figure)]
    assert heights == pytest.approx([0.03, 0.10, 0.17])


def test_a_data_set_has_one_colour_in_a_report_and_the_inside_is_always_blue() -> None:
    figures = [["mnist", "noise"], ["svhn", "celeba", "noise"], ["cifar", "noise"]]
    with colours_of_report(figures):
        first = data_colours(["fashion", "mnist", "noise"])
        second = data_colours(["cifar", "svhn", "celeba", "noise"])
        third = data_colours(["svhn", "noise", "cifar"])
    assert first["noise"] == second["noise"] == third["noise"]
    assert first["fashion"] == second["cifar"] == third["svhn"]
    outside = [first["mnist"], first["noise"], second["svhn"], second["celeba"], third["cifar"]]
    assert len({*outside, first["fashion"]}) == 6
    assert data_colours(["svhn", "noise", "cifar"])["noise"] != third["noise"]


def test_data_sets_of_one_figure_differ_however_many_the_report_has() -> None:
    figures = [[f"d{number}" for number in range(start, start + 9)] for start in range(0, 20, 4)]
    with colours_of_report(figures):
        for figure in figures:
            assert len({*data_colours(["inside", *figure]).values()}) == 10
    with colours_of_report([[f"d{number}" for number in range(20)]]):
        assert len({*data_colours(["d0", "d1", "d7", "d19"]).values()}) == 4


def test_fewer_images_are_shown_in_wider_bins_and_never_too_many() -> None:
    random = np.random.default_rng(0)
    counts = {}
    for total in (100, 10_000, 1_000_000):
        values = random.normal(3.0, 0.4, total)
        width = fine_width(values)
        series = Series.of(values, width, data="a", split="test", outside=False)
        edges = shown([series], bins=120)
        rule = 2 * (series.quantile[0.75] - series.quantile[0.25]) / total ** (1 / 3)
        counts[total] = len(edges) - 1
        if total == 10_000:
            assert rule / 1.5 < edges[1] - edges[0] < 1.5 * rule
    assert 10 <= counts[100] < counts[10_000] < counts[1_000_000] <= 124


def test_curves_of_detectors_do_not_lie_on_the_frame(study: Study) -> None:
    for analysis in (Roc(), Outliers()):
        for axes in analysis.draw(analysis.tabulate(study)).axes:
            if axes.axison:
                low, high = axes.get_ylim()
                assert low <= -0.05 < 1.05 <= high


def test_images_that_are_the_same_are_shown_once_with_their_number(study: Study) -> None:
    same = np.zeros((400, *study.shape), np.uint8)
    table = Extremes(count=8).tabulate(replace(study, images=lambda data, split: same))
    shown_once = Extremes().draw(table)
    titles = [axes.get_title() for axes in shown_once.axes if axes.get_title()]
    assert len(titles) == 2 * 4
    assert all(title.endswith(" ×8") for title in titles)
    counted = [
        [one.copies for one in distinct(strip.images)] for strip in Extremes().gallery(table)
    ]
    assert counted == [[8]] * 8


@pytest.mark.parametrize("count", [4, 6, 8, 9, 12, 16, 20, 24, 25, 30, 32, 36, 48, 64, 100])
def test_samples_fill_their_grid(count: int) -> None:
    assert count % grid_columns(count) == 0
