"""Figures from tables alone: every image counted, exact curves, the house look."""

import io
from dataclasses import replace
from pathlib import Path
from typing import cast

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import StepPatch
from PIL import Image
from sklearn.metrics import roc_auc_score
from tests.unit.reporting.conftest import make_columns

from ood_bench.analyses import Analysis, Split, Study
from ood_bench.analyses.decomposition import VolumeSplit
from ood_bench.analyses.errors import Errors
from ood_bench.analyses.extremes import Extremes
from ood_bench.analyses.histogram import Histogram
from ood_bench.analyses.moments import Moments
from ood_bench.analyses.outliers import Outliers
from ood_bench.analyses.roc import Roc
from ood_bench.analyses.simplicity import Simplicity
from ood_bench.analyses.style import data_colours
from ood_bench.data import Shape
from ood_bench.detectors import Columns, Scores
from ood_bench.units import bits_per_dim

ALL = [
    Histogram(),
    Roc(),
    Extremes(),
    Errors(),
    Outliers(),
    VolumeSplit(),
    Moments(),
    Simplicity(),
]


def through_a_file(table: pd.DataFrame, folder: Path) -> pd.DataFrame:
    table.to_parquet(folder / "table.parquet", index=False)
    return pd.read_parquet(folder / "table.parquet")


def studied(bits: dict[str, Scores], *, scores: dict[str, Scores] | None = None) -> Study:
    """Return a study of 1×1×1 images with given bits per dimension; the first is inside."""
    inside, *outside = bits
    columns: dict[tuple[str, Split], Columns] = {}
    for name, values in bits.items():
        columns[name, "test"] = make_columns(-values * np.log(2))
    columns[inside, "train"] = columns[inside, "test"]
    return Study(
        model="m",
        inside=inside,
        outside=tuple(outside),
        shape=Shape(1, 1, 1),
        columns=columns,
        scores={("d", name): values for name, values in (scores or bits).items()},
        images=lambda data, split: np.zeros((len(bits[data]), 1, 1, 1), np.uint8),
    )


@pytest.mark.parametrize("analysis", ALL, ids=lambda analysis: type(analysis).__name__)
def test_a_figure_is_drawn_from_the_stored_table_alone(
    analysis: Analysis, study: Study, tmp_path: Path
) -> None:
    table = analysis.tabulate(study)
    pd.testing.assert_frame_equal(through_a_file(table, tmp_path), table)
    before = dict(mpl.rcParams)
    pictures = []
    for source in (table, through_a_file(table, tmp_path)):
        buffer = io.BytesIO()
        analysis.draw(source).savefig(buffer, format="png", dpi=50)
        pictures.append(buffer.getvalue())
    assert pictures[0] == pictures[1]
    assert dict(mpl.rcParams) == before
    assert "glow" in analysis.caption(table)


@pytest.mark.parametrize("analysis", ALL, ids=lambda analysis: type(analysis).__name__)
def test_nothing_in_a_figure_is_cut_off(analysis: Analysis, study: Study) -> None:
    figure = analysis.draw(analysis.tabulate(study))
    figure.draw_without_rendering()
    box = figure.get_tightbbox()
    width, height = figure.get_size_inches()
    assert min(box.x0, box.y0, width - box.x1, height - box.y1) >= -0.01


def counts(table: pd.DataFrame) -> "pd.Series[int]":
    return table[table["part"] == "bin"].groupby(["data", "split"])["count"].sum()


def test_every_image_is_in_a_bin_of_the_histogram_however_far_out(study: Study) -> None:
    found = counts(Histogram().tabulate(study)).to_dict()
    assert found == {
        (name, split): len(columns["log_prob"]) for (name, split), columns in study.columns.items()
    }


@given(arrays(np.float64, st.integers(1, 50), elements=st.floats(-1e6, 1e6, allow_subnormal=False)))
def test_bins_hold_what_lies_between_their_edges(bits: Scores) -> None:
    table = Histogram().tabulate(studied({"a": bits}))
    exact = bits_per_dim(-bits * np.log(2), 1)
    bins = table[(table["part"] == "bin") & (table["split"] == "test")]
    for low, high, count in zip(bins["low"], bins["high"], bins["count"], strict=True):
        assert ((low <= exact) & (exact < high)).sum() == count
    assert bins["count"].sum() == len(bits)


def test_quantiles_in_the_table_are_those_of_the_images(study: Study) -> None:
    table = Histogram().tabulate(study)
    part = table[(table["part"] == "quantile") & (table["data"] == "mnist")]
    bits = bits_per_dim(study.columns["mnist", "test"]["log_prob"], study.shape.dims)
    assert part["low"].to_list() == np.quantile(bits, part["quantile"]).tolist()


def steps(axes: Axes) -> list[tuple[Scores, Scores]]:
    """Return the heights and edges of the histograms in a panel."""
    data = [patch.get_data() for patch in axes.patches if isinstance(patch, StepPatch)]
    return [(np.asarray(values), np.asarray(edges)) for values, edges, _ in data]


def labels(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.legends[0].get_texts()]


def test_more_likely_images_are_further_right(study: Study) -> None:
    axes = Histogram().draw(Histogram().tabulate(study)).axes[0]
    left, right = axes.get_xlim()
    assert left > right
    assert "more likely →" in axes.get_xlabel()


def test_each_series_of_the_histogram_has_area_one(study: Study) -> None:
    axes = Histogram().draw(Histogram().tabulate(study)).axes[0]
    areas = [float((values * np.diff(edges)).sum()) for values, edges in steps(axes)]
    assert areas == pytest.approx([1.0, 1.0, 1.0])


def test_the_legend_counts_the_images_beyond_the_axis() -> None:
    random = np.random.default_rng(0)
    inside = np.concatenate([random.uniform(2, 4, 9_997), [40.0, 41.0, -9.0]])
    table = Histogram().tabulate(studied({"a": inside, "far": np.full(70, 90.0)}))
    assert labels(Histogram().draw(table)) == [
        "a (train), n = 10,000\n3 beyond the axis",
        "a (test), n = 10,000\n3 beyond the axis",
        "far (OOD), n = 70\nall beyond the axis, near 90.0",
    ]


def test_a_nearly_constant_series_does_not_flatten_the_others(study: Study) -> None:
    axes = Histogram().draw(Histogram().tabulate(study)).axes[0]
    tallest = max(values.max() for values, _ in steps(axes))
    assert tallest > 0.9 * axes.get_ylim()[1]


def test_a_peak_that_would_dwarf_the_inside_is_cut_and_the_legend_says_so() -> None:
    random = np.random.default_rng(0)
    bits = {"a": random.normal(3, 0.5, 5_000), "sharp": random.normal(2, 0.04, 5_000)}
    figure = Histogram().draw(Histogram().tabulate(studied(bits)))
    assert "cut off" in labels(figure)[2]
    heights = [values.max() for values, _ in steps(figure.axes[0])]
    assert max(heights[:2]) > 0.2 * figure.axes[0].get_ylim()[1]


@pytest.mark.parametrize("value", [3.0, 0.0, -2.0, 1e9])
def test_a_model_that_gives_all_images_one_likelihood_can_be_drawn(value: float) -> None:
    same = np.full(20, value)
    table = Histogram().tabulate(studied({"a": same, "b": same}))
    assert counts(table).to_list() == [20, 20, 20]
    Histogram().draw(table).savefig(io.BytesIO(), format="png")


tied = arrays(np.float64, st.integers(1, 40), elements=st.integers(-5, 5).map(float))


@given(tied, tied, st.sampled_from([1.0, 1e-9, 1e6]))
def test_the_area_under_the_stored_vertices_is_the_auroc(
    inside: Scores, outside: Scores, scale: float
) -> None:
    table = Roc().tabulate(studied({"a": inside * scale - 7000, "b": outside * scale - 7000}))
    x, y = table["inside_flagged"].to_numpy(), table["outside_flagged"].to_numpy()
    truth = np.r_[np.zeros(len(inside)), np.ones(len(outside))]
    scores = np.r_[inside, outside] * scale - 7000
    area = np.trapezoid(y, x) / (len(inside) * len(outside))
    assert area == pytest.approx(roc_auc_score(truth, scores))


@given(tied, tied)
def test_no_vertex_of_a_curve_lies_on_the_line_between_its_neighbours(
    inside: Scores, outside: Scores
) -> None:
    table = Roc().tabulate(studied({"a": inside, "b": outside}))
    points = table[["inside_flagged", "outside_flagged"]].to_numpy()
    assert points[0].tolist() == [0, 0]
    assert points[-1].tolist() == [len(inside), len(outside)]
    (x0, y0), (x1, y1) = np.diff(points, axis=0)[:-1].T, np.diff(points, axis=0)[1:].T
    assert (x0 * y1 != x1 * y0).all()


def test_curves_of_scores_that_separate_are_three_points() -> None:
    low, high = np.arange(10_000.0), np.arange(20_000.0, 30_000.0)
    assert len(Roc().tabulate(studied({"a": low, "b": high}))) == 3


def test_the_legend_of_a_panel_gives_the_auroc_of_each_detector(study: Study) -> None:
    figure = Roc().draw(Roc().tabulate(study))
    titles = [axes.get_title() for axes in figure.axes]
    assert titles == ["mnist", "constant_0", "uniform_noise", "", "", ""]
    legend = figure.axes[titles.index("constant_0") + 3].get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == [
        "likelihood 0.000",
        "typicality 1.000",
    ]


def test_extremes_are_the_images_at_both_ends_of_each_data_set(study: Study) -> None:
    table = Extremes(count=3).tabulate(study)
    for name in ("fashion_mnist", "mnist", "uniform_noise"):
        bits = bits_per_dim(study.columns[name, "test"]["log_prob"], study.shape.dims)
        part = table[table["data"] == name]
        highest = part[part["likelihood"] == "highest"]["bits_per_dim"]
        lowest = part[part["likelihood"] == "lowest"]["bits_per_dim"]
        assert highest.to_list() == sorted(bits)[:3]
        assert lowest.to_list() == sorted(bits)[:-4:-1]
        assert part["bits_per_dim"].to_list() == [bits[row] for row in part["row"]]


def test_stored_images_are_the_pixels_of_their_rows(study: Study) -> None:
    for record in Extremes().tabulate(study).itertuples():
        with Image.open(io.BytesIO(cast("bytes", record.png))) as image:
            expected = study.images(cast("str", record.data), "test")[cast("int", record.row)][0]
            assert np.asarray(image).tolist() == expected.tolist()


def test_colour_images_keep_their_channels_and_the_smallest_sets_can_be_shown() -> None:
    images = np.arange(2 * 3 * 2 * 2, dtype=np.uint8).reshape(2, 3, 2, 2)
    study = studied({"a": np.array([1.0, 2.0])})
    coloured = replace(study, shape=Shape(3, 2, 2), images=lambda data, split: images)
    table = Extremes().tabulate(coloured)
    with Image.open(io.BytesIO(table["png"][0])) as image:
        assert np.asarray(image).tolist() == images[0].transpose(1, 2, 0).tolist()
    Extremes().draw(table).savefig(io.BytesIO(), format="png")


def test_of_equal_images_the_first_in_the_data_are_shown() -> None:
    table = Extremes(count=2).tabulate(studied({"a": np.zeros(5)}))
    assert table["row"].to_list() == [0, 1, 0, 1]


def test_extremes_refuses_a_count_that_shows_nothing() -> None:
    with pytest.raises(ValueError, match="count must be positive, got 0"):
        Extremes(count=0)


@pytest.mark.parametrize("number", [1, 10, 25])
def test_data_sets_have_different_colours_and_keep_them_when_others_join(number: int) -> None:
    names = [f"d{i}" for i in range(number)]
    colours = data_colours(names)
    assert len(set(colours.values())) == number
    if number <= 10:
        assert data_colours(names[:3]) == {name: colours[name] for name in names[:3]}


def test_names_with_dollars_are_shown_as_they_are() -> None:
    bits = {"a$x^$": np.array([1.0, 2.0, 3.0]), "$b": np.array([2.0, 3.0, 4.0])}
    for analysis in ALL:
        analysis.draw(analysis.tabulate(studied(bits))).savefig(io.BytesIO(), format="png")
