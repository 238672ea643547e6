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
from ood_bench.analyses.constants import Constants
from ood_bench.analyses.course import Course
from ood_bench.analyses.graying import Graying
from ood_bench.analyses.histogram import Histogram
from ood_bench.analyses.second_order import GAPS, SecondOrder
from ood_bench.analyses.simplicity import Simplicity
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
