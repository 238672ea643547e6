"""Detectors of gradients, and Fisher's method, which combines them with the likelihood."""

import numpy as np
import pytest
from scipy import stats

from ood_bench.detectors import Columns
from ood_bench.detectors.fisher import Fisher
from ood_bench.detectors.gradient_fisher import GradientFisher
from ood_bench.detectors.input_gradient_norm import InputGradientNorm


def gradients(n: int, seed: int, factor: float = 1.0) -> Columns:
    random = np.random.default_rng(seed)
    return {
        f"gradient_norm.{layer}": factor * random.lognormal(layer, 1 + layer / 4, n)
        for layer in range(4)
    }


def test_gradient_fisher_is_minus_the_gaussian_log_density_of_log_norms() -> None:
    known, images = gradients(500, 0), gradients(60, 1, factor=30)
    expected = np.zeros(60)
    for name, values in known.items():
        logs = np.log(values)
        expected -= stats.norm(logs.mean(), logs.std()).logpdf(np.log(images[name]))
    assert GradientFisher().fit(known)(images) == pytest.approx(expected, rel=1e-10)


def test_gradient_fisher_scores_both_large_and_small_gradients_above_usual_ones() -> None:
    known = gradients(500, 0)
    scorer = GradientFisher().fit(known)
    usual, large, small = (
        scorer({name: np.array([np.median(values) * factor]) for name, values in known.items()})[0]
        for factor in (1.0, 1e3, 1e-3)
    )
    assert large > usual < small


def test_a_layer_without_gradient_or_without_spread_is_left_out() -> None:
    known, images = gradients(500, 0), gradients(60, 1)
    expected = GradientFisher().fit(known)(images)
    for value in (0.0, 7.0):
        more = {**known, "gradient_norm.4": np.full(500, value)}
        scores = GradientFisher().fit(more)({**images, "gradient_norm.4": np.arange(60.0)})
        assert scores.tolist() == expected.tolist()
    with pytest.raises(ValueError, match=r"gradient_norm\.\*: one value"):
        GradientFisher().fit({"gradient_norm.0": np.zeros(9)})


def test_a_gradient_of_zero_has_a_finite_score() -> None:
    scorer = GradientFisher().fit(gradients(500, 0))
    assert np.isfinite(scorer({f"gradient_norm.{k}": np.zeros(1) for k in range(4)})).all()


def test_a_steeper_density_scores_higher() -> None:
    columns = {"input_gradient_norm": np.array([10.0, 4000.0])}
    scores = InputGradientNorm().fit(columns)(columns)
    assert scores.tolist() == [10.0, 4000.0]
    assert not np.shares_memory(scores, columns["input_gradient_norm"])


def test_fisher_combines_two_sided_empirical_p_values_as_scipy_does() -> None:
    random = np.random.default_rng(0)
    known = {"a": np.round(random.normal(0, 3, 99)), "b": random.normal(0, 1, 99)}
    images = {"a": np.round(random.normal(1, 4, 40)), "b": random.normal(0, 2, 40)}
    scores = Fisher(statistics=("a", "b")).fit(known)(images)
    for i in range(40):
        p_values = []
        for name in ("a", "b"):
            below = sum(value <= images[name][i] for value in known[name])
            above = sum(value >= images[name][i] for value in known[name])
            p_values.append(min(1.0, 2 * (min(below, above) + 1) / 100))
        assert scores[i] == pytest.approx(stats.combine_pvalues(p_values, "fisher").statistic)


def test_fisher_scores_of_in_distribution_images_are_about_chi_squared() -> None:
    random = np.random.default_rng(0)
    known = {name: random.normal(0, 1, 20_000) for name in "ab"}
    images = {name: random.normal(0, 1, 5_000) for name in "ab"}
    scores = Fisher(statistics=("a", "b")).fit(known)(images)
    assert stats.kstest(scores, stats.chi2(4).cdf).pvalue > 0.01


def test_fisher_takes_a_family_as_one_test() -> None:
    known = {**gradients(500, 0), "log_prob": np.random.default_rng(2).normal(-7000, 300, 500)}
    images = {**gradients(60, 1, factor=3), "log_prob": np.full(60, -7000.0)}
    mean = {name: values.mean() for name, values in known.items()}
    std = {name: values.std() for name, values in known.items()}

    def one(columns: Columns) -> Columns:
        layers = [(columns[n] - mean[n]) / std[n] for n in columns if n.startswith("gradient")]
        return {"log_prob": columns["log_prob"], "layers": np.mean(layers, axis=0)}

    scores = Fisher().fit(known)(images)
    expected = Fisher(statistics=("log_prob", "layers")).fit(one(known))(one(images))
    assert scores == pytest.approx(expected)


def test_fisher_is_highest_beyond_all_held_out_values_and_hides_no_missing_one() -> None:
    known = {"log_prob": np.arange(-9.0, 10.0)}
    scores = Fisher(statistics=("log_prob",)).fit(known)(
        {"log_prob": np.array([0.0, 8.0, 30.0, -1e6, np.nan])}
    )
    assert scores[0] == 0.0
    assert 0 < scores[1] < scores[2] == scores[3] == pytest.approx(-2 * np.log(0.1))
    assert np.isnan(scores[4])
