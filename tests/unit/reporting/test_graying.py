"""Graying: images drawn towards the mean of the training images, exact and paired."""

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from PIL import Image
from sklearn.metrics import roc_auc_score
from torch import Tensor

from ood_bench.analyses import Split, Study
from ood_bench.analyses.graying import Graying, toward
from ood_bench.data import Shape
from ood_bench.units import LN2

NAMES = ("a", "b")
CHANGE = ["change", "change_low", "change_high"]
AUROC = ["auroc", "auroc_low", "auroc_high"]
MEASURED = ["bits_per_dim", *CHANGE, *AUROC]


class Gaussian:
    """A model under which bits per dimension are the mean square distance from `centre`, / 1000."""

    def __init__(self, centre: NDArray[np.float64]) -> None:
        self.centre = torch.tensor(centre)

    def log_prob(self, x: Tensor) -> Tensor:
        return -(x.double() - self.centre).flatten(1).square().sum(dim=1) / 1000 * LN2


def make_study(shape: Shape, *, counts: tuple[int, int] = (60, 40)) -> Study:
    """Return a study of random images of high contrast; training and test images differ."""
    random = np.random.default_rng(0)
    images: dict[tuple[str, Split], NDArray[np.uint8]] = {
        ("a", "train"): random.integers(40, 240, (30, *shape), dtype=np.uint8),
        ("a", "test"): random.integers(0, 256, (counts[0], *shape), dtype=np.uint8),
        ("b", "test"): random.integers(60, 190, (counts[1], *shape), dtype=np.uint8),
    }
    mean = images["a", "train"].mean(axis=0)
    return Study(
        model="m",
        inside="a",
        outside=("b",),
        shape=shape,
        columns={},
        scores={},
        images=lambda data, split: images[data, split],
        trained=lambda: Gaussian(mean),
    )


@pytest.fixture(params=[Shape(1, 8, 8), Shape(3, 6, 4)], ids=str)
def study(request: pytest.FixtureRequest) -> Study:
    return make_study(request.param)


def means(table: pd.DataFrame, data: str) -> pd.DataFrame:
    return table[(table["part"] == "mean") & (table["data"] == data)].set_index("factor")


def at(table: pd.DataFrame, data: str, factor: float) -> dict[str, float]:
    """Return the measured columns of a data set at one factor."""
    return dict(means(table, data)[MEASURED].T[factor])


def mean_image(study: Study) -> NDArray[np.uint8]:
    """Return the mean training image as images `(1, C, H, W)`."""
    return np.rint(study.images("a", "train").mean(axis=0, keepdims=True)).astype(np.uint8)


def bits(study: Study, images: NDArray[np.uint8]) -> NDArray[np.float64]:
    log_prob = study.trained().log_prob(torch.tensor(images)).numpy()
    return np.asarray(-log_prob / LN2 / study.shape.dims)


images_and_mean = st.tuples(
    arrays(np.uint8, (4, 1, 2, 3)), arrays(np.float64, (1, 2, 3), elements=st.floats(0, 255))
)


@given(images_and_mean)
def test_graying_goes_from_the_image_itself_to_the_mean(
    drawn: tuple[NDArray[np.uint8], NDArray[np.float64]],
) -> None:
    images, mean = drawn
    assert (toward(mean, images, 1.0) == images).all()
    assert (toward(mean, images, 0.0) == np.rint(mean)).all()


@given(images_and_mean, st.floats(0, 1))
def test_grayed_images_are_the_nearest_that_have_8_bits(
    drawn: tuple[NDArray[np.uint8], NDArray[np.float64]], factor: float
) -> None:
    images, mean = drawn
    exact = mean + factor * (images - mean)
    assert np.abs(toward(mean, images, factor) - exact).max() <= 0.5 + 1e-9


def test_the_mean_is_that_of_the_training_images_whose_variance_shrinks(study: Study) -> None:
    table = Graying().tabulate(study)
    for name in NAMES:
        found = means(table, name)["bits_per_dim"]
        expected = found[1.0] * found.index.to_numpy() ** 2
        assert found.to_numpy() == pytest.approx(expected, abs=0.002)


def test_changes_are_paired_over_the_same_images(study: Study) -> None:
    table = Graying().tabulate(study)
    mean = study.images("a", "train").mean(axis=0)
    for name in NAMES:
        images = study.images(name, "test")
        change = bits(study, toward(mean, images, 0.5)) - bits(study, images)
        error = 1.959964 * change.std(ddof=1) / np.sqrt(len(change))
        row = at(table, name, 0.5)
        assert row["change"] == pytest.approx(change.mean())
        assert row["change_low"] == pytest.approx(change.mean() - error)
        assert row["change_high"] == pytest.approx(change.mean() + error)
        whole = at(table, name, 1.0)
        assert [whole[end] for end in CHANGE] == [0, 0, 0]


def test_grayed_images_are_ranked_against_the_inside_as_it_is(study: Study) -> None:
    table = Graying(factors=(1.0, 0.8)).tabulate(study)
    mean, inside = study.images("a", "train").mean(axis=0), study.images("a", "test")
    for name in NAMES:
        for factor in (1.0, 0.8):
            grayed = toward(mean, study.images(name, "test"), factor)
            truth = np.repeat([0, 1], [len(inside), len(grayed)])
            scores = np.r_[bits(study, inside), bits(study, grayed)]
            row = at(table, name, factor)
            assert row["auroc"] == pytest.approx(roc_auc_score(truth, scores))
            assert row["auroc_low"] <= row["auroc"] <= row["auroc_high"]
    assert at(table, "a", 1.0)["auroc"] == 0.5
    assert at(table, "a", 0.8)["auroc"] < 0.5


def test_images_are_taken_evenly_and_counted(study: Study) -> None:
    table = Graying(factors=(1.0, 0.5), count=50, examples=2).tabulate(study)
    assert means(table, "a")["count"].to_list() == [50, 50]
    assert means(table, "b")["count"].to_list() == [40, 40]
    rows = np.arange(50) * 60 // 50
    expected = bits(study, study.images("a", "test")[rows]).mean()
    assert at(table, "a", 1.0)["bits_per_dim"] == pytest.approx(expected)
    assert "50 of a, 40 of b" in Graying().caption(table)
    assert table[table["part"] == "example"]["row"].to_list() == [0, 30, 0, 30]


def test_examples_are_the_pixels_of_their_rows_at_each_factor(study: Study) -> None:
    table = Graying().tabulate(study)
    examples = table[table["part"] == "example"]
    assert len(examples) == 3 * 11
    mean = study.images("a", "train").mean(axis=0)
    for row, factor, png, found in zip(
        *(examples[name] for name in ("row", "factor", "png", "bits_per_dim")), strict=True
    ):
        image = toward(mean, study.images("a", "test")[row : row + 1], factor)
        with Image.open(io.BytesIO(png)) as picture:
            pixels = np.asarray(picture)
        assert pixels.tolist() == image[0].transpose(1, 2, 0).reshape(pixels.shape).tolist()
        assert found == pytest.approx(bits(study, image)[0])


def test_findings_are_the_change_of_each_data_set_and_the_auroc_of_the_inside(
    study: Study,
) -> None:
    analysis = Graying()
    table = analysis.tabulate(study)
    inside, outside = (at(table, name, 0.5) for name in NAMES)
    found = [
        (item.name, item.outside, item.value, item.low, item.high)
        for item in analysis.findings(table)
    ]
    assert found == [
        ("bpd_change_half_gray", "", *(inside[end] for end in CHANGE)),
        ("auroc_half_gray", "", *(inside[end] for end in AUROC)),
        ("bpd_change_half_gray", "b", *(outside[end] for end in CHANGE)),
    ]
    assert inside["change"] < 0
    assert "Findings at half contrast" not in analysis.caption(table)


@pytest.mark.parametrize(("factors", "nearest"), [((1.0, 0.9, 0.3), 0.3), ((0.0, 1.0), 0.0)])
def test_without_a_half_the_nearest_factor_is_taken_and_the_caption_says_so(
    study: Study, factors: tuple[float, ...], nearest: float
) -> None:
    analysis = Graying(factors=factors)
    table = analysis.tabulate(study)
    assert analysis.findings(table)[0].value == at(table, "a", nearest)["change"]
    assert f"are those at λ = {nearest:g}." in analysis.caption(table)


def test_the_figure_shows_a_line_of_each_data_set_and_the_examples(
    study: Study, tmp_path: Path
) -> None:
    table = Graying().tabulate(replace(study, model="m$x^$"))
    table.to_parquet(tmp_path / "table.parquet", index=False)
    stored = pd.read_parquet(tmp_path / "table.parquet")
    pd.testing.assert_frame_equal(stored, table)
    figure = Graying().draw(stored)
    figure.savefig(io.BytesIO(), format="png", dpi=50)
    left, right, strip = figure.axes
    for axes, column in ((left, "bits_per_dim"), (right, "auroc")):
        lines = [line for line in axes.lines if line.get_marker() == "o"]
        for line, name in zip(lines, NAMES, strict=True):
            assert np.asarray(line.get_ydata()).tolist() == means(table, name)[column].to_list()
        first, last = axes.get_xlim()
        assert first > 1 > 0 > last
    assert [text.get_text() for text in strip.get_xticklabels()][:2] == ["1", "0.9"]
    assert list(strip.get_xticks()) == list(range(11))
    grid = np.asarray(strip.images[0].get_array())
    _, height, width = study.shape
    for column, image in ((0, study.images("a", "test")[:1]), (10, mean_image(study))):
        cell = grid[1 : height + 1, column * (width + 2) + 1 :][:, :width]
        assert cell.tolist() == image[0].transpose(1, 2, 0).reshape(cell.shape).tolist()
    box = figure.get_tightbbox()
    width, height = figure.get_size_inches()
    assert min(box.x0, box.y0, width - box.x1, height - box.y1) >= -0.01


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"factors": (1.0, -0.1)}, "factors must lie between 0 and 1"),
        ({"factors": (1.0, float("nan"))}, "factors must lie between 0 and 1"),
        ({"factors": (0.5, 0.0)}, "factors must include 1 and at least one other"),
        ({"factors": (1.0, 1.0)}, "factors must include 1 and at least one other"),
        ({"examples": 0}, "examples must lie between 1 and count, got examples=0"),
        ({"count": 2}, "examples must lie between 1 and count, got examples=3, count=2"),
    ],
)
def test_graying_refuses_what_it_cannot_measure(options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Graying(**options)  # type: ignore[arg-type]  # names of options in the cases above


def test_a_single_image_of_each_data_set_can_be_grayed() -> None:
    table = Graying(examples=1).tabulate(make_study(Shape(1, 2, 2), counts=(1, 1)))
    Graying().draw(table).savefig(io.BytesIO(), format="png")


def test_scaled_towards_black_black_pixels_stay_and_the_findings_say_so() -> None:
    study = make_study(Shape(1, 2, 2))
    darker = Graying(factors=(1.0, 0.5, 0.0), to="black")
    table = darker.tabulate(study)
    last = table[(table["part"] == "mean") & (table["factor"] == 0.0)]
    mean = study.images("a", "train").mean(axis=0)
    black = np.square(mean).mean() * mean.size / 1000 / mean.size
    np.testing.assert_allclose(last["bits_per_dim"], black, rtol=1e-6)
    assert [found.name for found in darker.findings(table)] == [
        "bpd_change_half_black",
        "auroc_half_black",
        "bpd_change_half_black",
    ]
    assert "scaled towards black" in darker.caption(table)
    assert "scaled towards black" not in Graying().caption(table)
