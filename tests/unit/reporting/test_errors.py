"""The images on the wrong side of the threshold, counted as the metric counts them."""

import numpy as np
import pytest

from ood_bench.analyses import Study
from ood_bench.analyses.errors import Errors, threshold_bits
from ood_bench.analyses.thumbnails import from_png
from ood_bench.metrics.thresholds import tally


def test_the_shares_of_accepted_images_are_those_of_the_metric(study: Study) -> None:
    table = Errors().tabulate(study)
    counts = table[table["part"] == "count"].set_index("data")
    inside = study.scores["likelihood", study.inside]
    for name in study.outside:
        expected = tally(inside, study.scores["likelihood", name]).fpr(0.95)
        assert counts["count"][name] / counts["of"][name] == pytest.approx(expected)
    assert counts["count"][study.inside] == 20
    assert list(counts["error"]) == ["rejected", *["accepted"] * 3]


def test_images_as_likely_as_the_threshold_are_accepted() -> None:
    assert threshold_bits(np.array([1.0] * 19 + [2.0])) == 1.0
    assert threshold_bits(np.array([1.0] * 18 + [2.0] * 2)) == 2.0
    assert threshold_bits(np.array([3.0])) == 3.0


def test_images_are_spread_over_the_ranks_and_are_those_of_their_rows(study: Study) -> None:
    table = Errors(count=4).tabulate(study)
    shown = table[(table["part"] == "image") & (table["data"] == "mnist")]
    assert list(shown["rank"]) == [1, 76, 151, 226]
    assert shown["bits_per_dim"].is_monotonic_increasing
    images = study.images("mnist", "test")
    for row, png in zip(shown["row"], shown["png"], strict=True):
        assert np.array_equal(from_png(png), images[row][0])
    assert table.equals(Errors(count=4).tabulate(study))


def test_a_data_set_without_errors_has_its_count_alone(study: Study) -> None:
    table = Errors().tabulate(study)
    noise = table[table["data"] == "uniform_noise"]
    assert list(noise["part"]) == ["count"]
    assert noise["count"].item() == 0
    labels = [axes.get_ylabel() for axes in Errors().draw(table).axes]
    assert "uniform_noise\naccepted 0.0 %\n0 of 60" in labels
    assert "mnist\naccepted 100.0 %\n300 of 300" in labels


def test_the_caption_names_the_threshold(study: Study) -> None:
    table = Errors().tabulate(study)
    limit = table["bits_per_dim"][0]
    assert f"{limit:.3f} bits per dimension, which accepts 95 %" in Errors().caption(table)


def test_a_count_that_shows_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="count must be positive"):
        Errors(count=0)
