"""Constant images: a likelihood at every gray level, beside noise and the data sets."""

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from matplotlib.figure import Figure
from torch import Tensor

from ood_bench.analyses import Finding, Study
from ood_bench.analyses.constants import Constants
from ood_bench.analyses.view import view
from ood_bench.data import Shape
from ood_bench.metrics import mean_bpd
from ood_bench.units import LN2


class Brightness:
    """A model under which an image has as many bits per dimension as its mean level / 64."""

    def log_prob(self, x: Tensor) -> Tensor:
        return -x.double().flatten(1).sum(dim=1) / 64 * LN2


@pytest.fixture
def modelled(study: Study) -> Study:
    return replace(study, trained=Brightness)


def named(table: pd.DataFrame, analysis: Constants) -> dict[str, Finding]:
    found = analysis.findings(table)
    assert all(finding.outside == "" for finding in found)
    return {finding.name: finding for finding in found}


def labels(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.legends[0].get_texts()]


@pytest.mark.parametrize("shape", [Shape(1, 4, 4), Shape(3, 2, 2)])
def test_every_level_is_scored_with_all_channels_equal(modelled: Study, shape: Shape) -> None:
    seen: list[Tensor] = []

    class Watching(Brightness):
        def log_prob(self, x: Tensor) -> Tensor:
            seen.append(x)
            return super().log_prob(x)

    table = Constants().tabulate(replace(modelled, shape=shape, trained=Watching))
    images = torch.cat(seen)[:256].flatten(1)
    assert torch.equal(images, torch.arange(256)[:, None].expand(256, shape.dims))
    curve = table[table["part"] == "constant"]
    assert curve["level"].to_list() == list(range(256))
    assert curve["bits_per_dim"].to_list() == pytest.approx(np.arange(256) / 64)


def test_a_coarser_step_keeps_black_middle_gray_and_white(modelled: Study) -> None:
    table = Constants(every=100).tabulate(modelled)
    assert table[table["part"] == "constant"]["level"].to_list() == [0, 100, 128, 200, 255]


def test_noise_is_uniform_over_all_levels_and_always_the_same(modelled: Study) -> None:
    first, again = (Constants(count=400).tabulate(modelled) for _ in range(2))
    pd.testing.assert_frame_equal(first, again)
    noise = first[first["part"] == "noise"].iloc[0]
    error = np.sqrt((256**2 - 1) / 12 / modelled.shape.dims / 400) / 64
    assert noise["bits_per_dim"] == pytest.approx(127.5 / 64, abs=4 * error)
    assert noise["high"] - noise["low"] == pytest.approx(2 * 1.96 * error, rel=0.15)
    assert noise["count"] == 400


def test_data_sets_have_the_means_of_their_stored_columns(modelled: Study) -> None:
    table = Constants().tabulate(modelled)
    for row in table[table["part"] == "data"].itertuples():
        columns = modelled.columns[str(row.data), "test"]
        expected = mean_bpd(columns["log_prob"], modelled.shape.dims)
        assert (row.bits_per_dim, row.low, row.high) == expected
    assert table[table["part"] == "data"]["data"].to_list() == [
        "fashion_mnist",
        "mnist",
        "constant_0",
        "uniform_noise",
    ]


def test_findings_are_the_numbers_of_the_table(modelled: Study) -> None:
    analysis = Constants(every=2)
    table = analysis.tabulate(modelled)
    found = named(table, analysis)
    for level in (0, 128, 255):
        finding = found[f"bpd_constant_{level}"]
        assert finding.value == finding.low == finding.high == pytest.approx(level / 64)
    noise = table[table["part"] == "noise"].iloc[0]
    finding = found["bpd_noise"]
    assert [finding.value, finding.low, finding.high] == list(
        noise[["bits_per_dim", "low", "high"]]
    )


def test_the_share_of_likelier_levels_is_counted_against_the_inside(modelled: Study) -> None:
    analysis = Constants()
    table = analysis.tabulate(modelled)
    inside = table[table["data"] == "fashion_mnist"].iloc[0]
    finding = named(table, analysis)["share_constants_likelier"]
    for share, bits in (
        (finding.value, inside["bits_per_dim"]),
        (finding.low, inside["low"]),
        (finding.high, inside["high"]),
    ):
        assert share == np.ceil(bits * 64) / 256
    assert finding.low < finding.value < finding.high


def test_means_far_from_the_constants_are_named_and_left_beyond_the_axis(modelled: Study) -> None:
    table = Constants().tabulate(modelled)
    figure = Constants().draw(table)
    low, high = figure.axes[0].get_ylim()
    assert -0.5 < low < 0
    assert 4 < high < 5
    texts = labels(figure)
    assert texts[0] == "constant images, 256 levels"
    assert [text.startswith("uniform_noise (OOD), mean 15.7") for text in texts].count(True) == 1
    assert [text.split(", ")[0] for text in texts if "beyond the axis" in text] == [
        "uniform_noise (OOD)"
    ]


def test_a_view_holds_its_core_whole_and_what_is_near_it() -> None:
    low, high = view((0.0, 100.0), [(-80.0, 0.0), (200.0, 400.0)])
    assert low < -80
    assert 100 < high < 200
    low, high = view((3.0, 3.0), [])
    assert low < 3 < high


def test_a_figure_is_drawn_from_the_stored_table_alone(modelled: Study, tmp_path: Path) -> None:
    names = replace(modelled, model="g$x^$")
    table = Constants().tabulate(names)
    table.to_parquet(tmp_path / "table.parquet", index=False)
    stored = pd.read_parquet(tmp_path / "table.parquet")
    pd.testing.assert_frame_equal(stored, table)
    figure = Constants().draw(stored)
    figure.savefig(io.BytesIO(), format="png", dpi=50)
    box = figure.get_tightbbox()
    width, height = figure.get_size_inches()
    assert min(box.x0, box.y0, width - box.x1, height - box.y1) >= -0.01
    assert "g$x^$ trained on fashion_mnist" in Constants().caption(stored)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"every": 0}, "every must lie between 1 and 255, got 0"),
        ({"every": 256}, "every must lie between 1 and 255, got 256"),
        ({"count": 1}, "count must be at least 2, got 1"),
    ],
)
def test_constants_refuses_what_it_cannot_measure(options: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Constants(**options)


def test_a_likelihood_that_is_not_finite_is_an_error_that_names_the_image(modelled: Study) -> None:
    class Broken(Brightness):
        def log_prob(self, x: Tensor) -> Tensor:
            found = super().log_prob(x)
            return torch.where(x.flatten(1).double().mean(dim=1) == 7, torch.nan, found)

    with pytest.raises(ValueError, match="log_prob of glow on constant images: row 7 is nan"):
        Constants().tabulate(replace(modelled, trained=Broken))
