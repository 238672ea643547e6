"""The sheet of samples: drawn from the model, clipped openly, beside training images."""

import io
import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import cast

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from tests.conftest import Command
from tests.stored import members
from torch import Tensor

from ood_bench.analyses import Split, Study
from ood_bench.analyses.samples import SampleSheet, to_uint8
from ood_bench.analyses.thumbnails import from_png, show_grid, to_png
from ood_bench.data import Shape
from ood_bench.units import LN2


class Sampler:
    """Draws normal pixels around one half; an image has its mean level as bits per dimension."""

    def __init__(self, shape: Shape) -> None:
        self.shape = shape

    def log_prob(self, x: Tensor) -> Tensor:
        return -x.double().flatten(1).sum(dim=1) * LN2

    def sample(self, n: int, *, temperature: float = 1.0, seed: int = 0) -> Tensor:
        generator = torch.Generator().manual_seed(seed)
        return 0.5 + 0.5 * temperature * torch.randn(n, *self.shape, generator=generator)


def make_study(shape: Shape, *, training: int = 100) -> Study:
    images = np.random.default_rng(0).integers(0, 256, (training, *shape), dtype=np.uint8)

    def train_only(data: str, split: Split) -> NDArray[np.uint8]:
        assert (data, split) == ("a", "train")
        return images

    return Study(
        model="m",
        inside="a",
        outside=("b",),
        shape=shape,
        columns={},
        scores={},
        images=train_only,
        trained=lambda: Sampler(shape),
    )


@pytest.fixture(params=[Shape(1, 5, 4), Shape(3, 4, 6)], ids=str)
def study(request: pytest.FixtureRequest) -> Study:
    return make_study(request.param)


def pixels(png: bytes) -> NDArray[np.uint8]:
    with Image.open(io.BytesIO(png)) as image:
        return np.asarray(image)


def planes(image: NDArray[np.uint8]) -> list[object]:
    """Return an image `(C, H, W)` as Pillow holds it."""
    return cast("list[object]", np.squeeze(image.transpose(1, 2, 0)).tolist())


def test_eight_bit_samples_undo_dequantization_and_are_clipped() -> None:
    x = np.arange(256)
    for continuous in (x / 256, (x + 0.999) / 256, x / 255):
        assert to_uint8(continuous).tolist() == x.tolist()
    assert to_uint8(np.array([-np.inf, -0.1, 1.0, 1.5, np.inf])).tolist() == [0, 0, 255, 255, 255]


def test_the_table_holds_the_samples_of_each_temperature(study: Study) -> None:
    table = SampleSheet(temperatures=(1.0, 0.5), count=6).tabulate(study)
    for temperature in (1.0, 0.5):
        part = table[table["temperature"] == temperature].reset_index()
        drawn = Sampler(study.shape).sample(6, temperature=temperature).double().numpy()
        assert part["part"].to_list() == ["sample"] * 6
        for i in range(6):
            assert pixels(part["png"][i]).tolist() == planes(to_uint8(drawn[i]))
            outside = np.count_nonzero((drawn[i] < 0) | (drawn[i] > 1))
            assert part["clipped"][i] == outside / study.shape.dims


def test_bits_per_dimension_are_those_of_the_images_shown(study: Study) -> None:
    table = SampleSheet(count=6).tabulate(study)
    shown = [pixels(png).mean() for png in table["png"]]
    assert table["bits_per_dim"].to_list() == pytest.approx(shown)


def test_training_images_lie_evenly_and_are_as_they_were(study: Study) -> None:
    table = SampleSheet(count=4).tabulate(study)
    training = table[table["part"] == "training"]
    assert training["row"].to_list() == [0, 25, 50, 75]
    assert training["clipped"].to_list() == [0.0] * 4
    for row, png in zip(training["row"], training["png"], strict=True):
        assert pixels(png).tolist() == planes(study.images("a", "train")[row])


def test_the_figure_has_a_panel_of_training_images_and_one_for_each_temperature(
    study: Study, tmp_path: Path
) -> None:
    analysis = SampleSheet(temperatures=(1.0, 0.7, 0.5, 0.1), count=8)
    table = analysis.tabulate(study)
    table["model"] = "m$x^$"
    table.to_parquet(tmp_path / "table.parquet", index=False)
    stored = pd.read_parquet(tmp_path / "table.parquet")
    pd.testing.assert_frame_equal(stored, table)
    figure = analysis.draw(stored)
    figure.savefig(io.BytesIO(), format="png", dpi=50)
    titles = [axes.get_title() for axes in figure.axes]
    assert [title.split("\n")[0] for title in titles] == [
        "training images",
        "temperature 1",
        "temperature 0.7",
        "temperature 0.5",
        "temperature 0.1",
        "",
        "",
        "",
    ]
    clipped = table[table["temperature"] == 1.0]["clipped"].mean()
    assert f"{100 * clipped:.1f} % clipped" in titles[1]
    assert f"temperature 1: {100 * clipped:.1f} % clipped" in analysis.caption(stored)
    box = figure.get_tightbbox()
    width, height = figure.get_size_inches()
    assert min(box.x0, box.y0, width - box.x1, height - box.y1) >= -0.01


@pytest.mark.parametrize("channels", [1, 3])
def test_an_image_in_a_grid_is_centred_on_its_column_and_row(channels: int) -> None:
    from matplotlib.figure import Figure

    images = np.random.default_rng(0).integers(0, 250, (5, channels, 6, 4), dtype=np.uint8)
    axes = Figure().subplots()
    show_grid(axes, [to_png(image) for image in images], columns=3)
    grid = np.asarray(axes.images[0].get_array())
    left, right, bottom, top = axes.images[0].get_extent()
    assert (left, right, bottom, top) == (-0.5, 2.5, 1.5, -0.5)
    height, width = grid.shape[0] // 2, grid.shape[1] // 3
    for k, image in enumerate(images):
        cell = grid[k // 3 * height :, k % 3 * width :][:height, :width]
        assert cell[1:-1, 1:-1].tolist() == from_png(to_png(image)).tolist()
        assert (cell[0] == 255).all()
    assert (grid[height:, 2 * width :] == 255).all()


def test_fewer_training_images_than_samples_are_shown_as_they_are() -> None:
    table = SampleSheet(count=7).tabulate(make_study(Shape(1, 4, 4), training=2))
    assert (table["part"] == "training").sum() == 2
    SampleSheet().draw(table).savefig(io.BytesIO(), format="png")


def test_headings_of_panels_side_by_side_do_not_overlap() -> None:
    analysis = SampleSheet(count=32)
    table = analysis.tabulate(make_study(Shape(1, 8, 8)))
    for temperature in (1.0, 0.7):
        first = table.index[table["temperature"] == temperature][0]
        table.loc[first, "broken"] = True
    table["bits_per_dim"] = 15.77
    figure = analysis.draw(table)
    figure.savefig(io.BytesIO(), format="png", dpi=100)
    boxes = [axes.title.get_window_extent() for axes in figure.axes]
    assert all(left.x1 < right.x0 for left, right in pairwise(boxes))


@pytest.mark.parametrize("broken", [[2], [0, 1, 2, 3]])
def test_samples_that_are_not_numbers_are_counted_and_left_empty(broken: list[int]) -> None:
    class Overflowing(Sampler):
        def sample(self, n: int, *, temperature: float = 1.0, seed: int = 0) -> Tensor:
            drawn = super().sample(n, temperature=temperature, seed=seed)
            drawn[broken, 0, 0, 0] = torch.nan
            return drawn

    shape = Shape(1, 4, 4)
    analysis = SampleSheet(temperatures=(1.0,), count=4)
    table = analysis.tabulate(replace(make_study(shape), trained=lambda: Overflowing(shape)))
    sound = SampleSheet(temperatures=(1.0,), count=4).tabulate(make_study(shape))
    samples = table[table["part"] == "sample"].reset_index(drop=True)
    assert samples.index[samples["broken"]].to_list() == broken
    assert samples[["clipped", "bits_per_dim"]][samples["broken"]].isna().all(axis=None)
    assert all((pixels(samples["png"][i]) == 255).all() for i in broken)
    kept = ~table["broken"]
    pd.testing.assert_frame_equal(table[kept], sound[kept])
    figure = analysis.draw(table)
    title = figure.axes[1].get_title()
    assert f"{len(broken)} of 4 not numbers" in title
    assert f"{len(broken)} of 4 not numbers" in analysis.caption(table)
    assert "Empty tiles are samples with values that are not numbers." in analysis.caption(table)
    assert "nan" not in title + analysis.caption(table)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"temperatures": ()}, "temperatures must be positive and distinct, got "),
        ({"temperatures": (1.0, 0.0)}, "temperatures must be positive and distinct, got "),
        ({"temperatures": (1.0, 1.0)}, "temperatures must be positive and distinct, got "),
        ({"count": 0}, "count must be positive, got 0"),
    ],
)
def test_a_sheet_that_shows_nothing_is_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SampleSheet(**options)  # type: ignore[arg-type]  # names of options in the cases above


def test_a_run_calls_its_flow_for_constants_grayed_images_and_samples(
    tiny: Path, ood_bench: Command
) -> None:
    listed = "analyses=[constants, graying, samples]"
    done = ood_bench("run", tiny, "--set", listed, "--only", "analysis/glow*")
    assert done.status == 0, done.err
    drawn = {path.name for path in Path("results").glob("*/figures/*.png")}
    assert drawn == {f"{name}-glow-low-0.png" for name in ("constants", "graying", "samples")}
    names = {
        finding["name"]
        for file in members(Path("results"), "findings.json").values()
        for finding in json.loads(file.read_text())
    }
    assert {"bpd_constant_128", "bpd_noise", "bpd_change_half_gray", "auroc_half_gray"} <= names
