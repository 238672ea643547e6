"""The prior term and the volume term of a flow."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from ood_bench.analyses import Finding, Study
from ood_bench.analyses.decomposition import VolumeSplit


def gaps(study: Study) -> dict[tuple[str, str], Finding]:
    found = VolumeSplit().findings(VolumeSplit().tabulate(study))
    return {(finding.name, finding.outside): finding for finding in found}


def with_volume(study: Study, change: Any) -> Study:
    """Return the study with another volume term in nats, a function of side and log_prob."""
    columns = {}
    for side, own in study.columns.items():
        volume = change(side, own["log_prob"])
        columns[side] = {**own, "log_prior": own["log_prob"] - volume, "log_volume": volume}
    return replace(study, columns=columns)


def row(table: pd.DataFrame, **where: str) -> dict[str, Any]:
    for column, value in where.items():
        table = table[table[column] == value]
    (record,) = table.to_dict("records")
    return {str(key): value for key, value in record.items()}


def test_gaps_are_bits_per_dimension_by_which_a_term_favours_the_outside(study: Study) -> None:
    nats = study.shape.dims * np.log(2)
    shifted = with_volume(
        study, lambda side, log_prob: np.where(side[0] == "mnist", 0.5, 0.2) * nats + 0 * log_prob
    )
    found = gaps(shifted)
    assert found["volume_gap", "mnist"].value == pytest.approx(0.3)
    assert found["volume_gap", "constant_0"].value == pytest.approx(0.0)
    inside, mnist = (
        study.columns[name, "test"]["log_prob"].mean() / nats for name in ("fashion_mnist", "mnist")
    )
    assert found["prior_gap", "mnist"].value == pytest.approx(mnist - inside - 0.3)


def test_the_means_of_both_terms_add_up_to_minus_the_bits_per_dimension(study: Study) -> None:
    table = VolumeSplit().tabulate(study)
    for (name, split), own in study.columns.items():
        total = sum(
            row(table, part="mean", data=name, split=split, term=term)["value"]
            for term in ("log_prior", "log_volume")
        )
        assert total == pytest.approx(own["log_prob"].mean() / (study.shape.dims * np.log(2)))


def test_intervals_are_the_normal_ones_of_a_mean_and_of_a_difference_of_means(
    study: Study,
) -> None:
    bits = {
        name: study.columns[name, "test"]["log_prior"] / (study.shape.dims * np.log(2))
        for name in ("fashion_mnist", "mnist")
    }
    errors = {name: b.std(ddof=1) / np.sqrt(len(b)) for name, b in bits.items()}
    mean = row(VolumeSplit().tabulate(study), part="mean", data="mnist", term="log_prior")
    expected = norm.interval(0.95, bits["mnist"].mean(), errors["mnist"])
    assert (mean["low"], mean["high"]) == pytest.approx(expected)
    gap = gaps(study)["prior_gap", "mnist"]
    value = bits["mnist"].mean() - bits["fashion_mnist"].mean()
    expected = norm.interval(0.95, value, np.hypot(*errors.values()))
    assert (gap.low, gap.high) == pytest.approx(expected)


@pytest.mark.parametrize("volume", [-2579.123456, 0.1, 1 / 3])
def test_a_constant_volume_term_has_a_gap_of_exactly_zero(study: Study, volume: float) -> None:
    found = gaps(with_volume(study, lambda side, log_prob: np.full(len(log_prob), volume)))
    for outside in study.outside:
        gap = found["volume_gap", outside]
        assert (gap.value, gap.low, gap.high) == (0.0, 0.0, 0.0)
        assert found["prior_gap", outside].high > found["prior_gap", outside].low


def test_a_set_of_one_image_has_a_point_for_an_interval(study: Study) -> None:
    one = {name: values[:1] for name, values in study.columns["mnist", "test"].items()}
    alone = replace(study, columns={**study.columns, ("mnist", "test"): one})
    mean = row(VolumeSplit().tabulate(alone), part="mean", data="mnist", term="log_volume")
    assert mean["low"] == mean["value"] == mean["high"]


def test_a_constant_volume_term_is_drawn_as_one_line(study: Study) -> None:
    constant = with_volume(study, lambda side, log_prob: np.full(len(log_prob), -30.0))
    figure = VolumeSplit().draw(VolumeSplit().tabulate(constant))
    prior, volume = figure.axes[:2]
    assert len(volume.lines) == 1
    x = -30 / (study.shape.dims * np.log(2))
    assert np.asarray(volume.lines[0].get_xdata(), np.float64) == pytest.approx([x, x])
    assert len(prior.patches) == 3


def test_more_likely_is_further_right_and_the_legends_give_the_means(study: Study) -> None:
    table = VolumeSplit().tabulate(study)
    figure = VolumeSplit().draw(table)
    for axes, below, term in zip(
        figure.axes[:2], figure.axes[2:], ("log_prior", "log_volume"), strict=True
    ):
        left, right = axes.get_xlim()
        assert left < right
        legend = below.get_legend()
        assert legend is not None
        mean = row(table, part="mean", data="mnist", term=term)["value"]
        text = next(t.get_text() for t in legend.get_texts() if t.get_text().startswith("mnist"))
        assert text.splitlines()[0] == f"mnist (OOD) {mean:.3f}".replace("-", "−")


def test_an_arrow_points_to_images_far_less_likely_than_the_others(study: Study) -> None:
    axes = VolumeSplit().draw(VolumeSplit().tabulate(study)).axes[0]
    (arrow,) = [line for line in axes.lines if line.get_marker() == "<"]
    left, right = axes.get_xlim()
    (x,) = np.asarray(arrow.get_xdata(), np.float64)
    assert left < x < (left + right) / 2
