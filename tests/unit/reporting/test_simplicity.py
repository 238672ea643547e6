"""Likelihood against variance and complexity."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import spearmanr

from ood_bench.analyses import Finding, Study
from ood_bench.analyses.simplicity import POINTS, Simplicity, image_variance, spearman
from ood_bench.detectors import Columns
from ood_bench.units import bits_per_dim, legible

whole = st.lists(st.tuples(st.integers(-5, 5), st.integers(-5, 5)), min_size=4, max_size=60)


def found(study: Study) -> dict[tuple[str, str], Finding]:
    findings = Simplicity().findings(Simplicity().tabulate(study))
    return {(finding.name, finding.outside): finding for finding in findings}


@given(whole)
def test_the_rank_correlation_agrees_with_scipy_ties_included(
    pairs: list[tuple[int, int]],
) -> None:
    x, y = np.array(pairs, dtype=np.float64).T
    got = spearman(x, y)
    if min(len(set(x)), len(set(y))) == 1:
        assert got is None
    else:
        assert got is not None
        assert got.value == pytest.approx(spearmanr(x, y)[0], abs=1e-12)
        assert -1 <= got.low <= got.value <= got.high <= 1


def test_the_interval_holds_the_truth_19_times_in_20() -> None:
    random, rho = np.random.default_rng(0), -0.7
    truth, hits = 6 / np.pi * np.arcsin(rho / 2), 0  # of a bivariate normal
    for _ in range(1000):
        x, noise = random.standard_normal((2, 60))
        got = spearman(x, rho * x + np.sqrt(1 - rho**2) * noise)
        assert got is not None
        hits += got.low <= truth <= got.high
    assert 0.935 <= hits / 1000 <= 0.975


def test_perfect_order_is_a_point_and_three_pairs_say_nothing() -> None:
    x = np.arange(10.0)
    assert spearman(x, x**3) == (1.0, 1.0, 1.0)
    assert spearman(x, -x) == (-1.0, -1.0, -1.0)
    assert spearman(x[:3], x[:3]) == (1.0, -1.0, 1.0)


def test_the_variance_of_an_image_is_over_all_its_pixels_and_channels() -> None:
    images = np.random.default_rng(0).integers(0, 256, (2500, 3, 2, 2), dtype=np.uint8)
    expected = (images / 255).reshape(2500, -1).var(axis=1)
    assert image_variance(images) == pytest.approx(expected)


def test_findings_are_correlations_with_the_log_likelihood_of_all_images(study: Study) -> None:
    got = found(study)
    for name in (study.inside, "mnist"):
        outside = "" if name == study.inside else name
        log_prob = study.columns[name, "test"]["log_prob"]
        variance = study.images(name, "test").reshape(len(log_prob), -1).var(axis=1)
        expected = spearmanr(variance, log_prob)[0]
        assert got["spearman_variance", outside].value == pytest.approx(expected)
        assert got["spearman_complexity", outside].value < -0.9


def test_pooled_correlations_are_over_all_data_sets_together(study: Study) -> None:
    tests = [study.columns[name, "test"] for name in (study.inside, *study.outside)]
    png, log_prob = (np.concatenate([t[c] for t in tests]) for c in ("complexity_png", "log_prob"))
    got = found(study)["spearman_complexity_pooled", ""]
    assert got.value == pytest.approx(spearmanr(png, log_prob)[0])


def test_a_set_of_equal_images_has_no_correlation_and_a_dash_in_the_legend(study: Study) -> None:
    table = Simplicity().tabulate(study)
    names = {(f.name, f.outside) for f in Simplicity().findings(table)}
    assert ("spearman_complexity", "constant_0") not in names
    legend = Simplicity().draw(table).axes[3].get_legend()
    assert legend is not None
    assert "constant_0 (OOD) –" in [text.get_text() for text in legend.get_texts()]


def large(study: Study, count: int) -> Study:
    """Return the study with an inside of many images, the log-likelihoods of which are rows."""
    columns: Columns = {
        "log_prob": np.arange(count, dtype=np.float64),
        "complexity_png": np.arange(count, dtype=np.float64)[::-1],
    }
    images = np.zeros((count, *study.shape), np.uint8)
    images[:, 0, 0, 0] = np.arange(count) % 251
    return replace(
        study,
        outside=(),
        columns={(study.inside, "test"): columns},
        images=lambda data, split: images,
    )


@pytest.mark.parametrize("count", [999, 1000, 1001, 2718])
def test_at_most_a_thousand_points_are_drawn_evenly_and_row_for_row(
    study: Study, count: int
) -> None:
    table = Simplicity().tabulate(large(study, count))
    for against, part in table[table["part"] == "point"].groupby("against"):
        assert len(part) == min(count, POINTS)
        rows = np.rint(-part["bits_per_dim"].to_numpy() * study.shape.dims * np.log(2)).astype(int)
        steps = np.diff(rows)
        assert (rows[0], steps.max() - steps.min() <= 1) == (0, True)
        assert rows[-1] >= count - 1 - steps.max()
        if against == "complexity":
            assert part["x"].to_numpy() == pytest.approx((count - 1 - rows) / study.shape.dims)
    assert table[table["part"] == "correlation"]["count"].to_list() == [count, count]


def test_higher_up_is_more_likely_and_unseen_sets_are_named(study: Study) -> None:
    figure = Simplicity().draw(Simplicity().tabulate(study))
    bottom, top = figure.axes[0].get_ylim()
    assert bottom > top
    noise = bits_per_dim(study.columns["uniform_noise", "test"]["log_prob"], study.shape.dims)
    legend = figure.axes[2].get_legend()
    assert legend is not None
    (line,) = [t.get_text() for t in legend.get_texts() if "uniform_noise" in t.get_text()]
    assert line.splitlines()[1] == f"all beyond the axis, near {legible(float(np.median(noise)))}"
