"""The density of statistics: against scipy, far out, and DoSE on top of it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from scipy import stats
from sklearn.svm import OneClassSVM

from ood_bench.detectors import Columns
from ood_bench.detectors.density import log_kde
from ood_bench.detectors.dose import Dose
from ood_bench.detectors.matrix import scale, stacked

Values = NDArray[np.float64]


def held_out(shape: str, n: int) -> Values:
    random = np.random.default_rng(n)
    found: dict[str, Values] = {
        "normal": random.normal(-7000, 300, n),
        "skewed": random.lognormal(0, 1.5, n),
        "two far modes": np.r_[random.normal(0, 1, n // 2), random.normal(500, 1, n - n // 2)],
        "one outlier": np.r_[random.normal(0, 1, n - 1), 1e5],
        "ties": np.round(np.r_[-3.0, random.normal(0, 2, n - 1)]),
        "two values": np.tile([0.0, 1.0], n // 2 + 1)[:n],
    }
    return found[shape]


SHAPES = ["normal", "skewed", "two far modes", "one outlier", "ties", "two values"]


def direct(known: Values, x: Values) -> Values:
    """Every kernel at every value, added up in log-space."""
    h = known.std(ddof=1) * len(known) ** -0.2
    exponent = -0.5 * ((x[:, None] - known) / h) ** 2
    largest = exponent.max(axis=1)
    total = np.log(np.exp(exponent - largest[:, None]).sum(axis=1)) + largest
    found: Values = total - np.log(len(known) * h * np.sqrt(2 * np.pi))
    return found


@pytest.mark.parametrize("n", [2, 3, 40, 2000])
@pytest.mark.parametrize("shape", SHAPES)
def test_log_kde_is_the_sum_over_all_kernels(shape: str, n: int) -> None:
    known = held_out(shape, n)
    random = np.random.default_rng(1)
    spread = known.max() - known.min()
    x = np.r_[
        known[:200],
        random.uniform(known.min() - spread, known.max() + spread, 1000),
        random.normal(known.mean(), known.std(), 500),
        known.min() - 100 * spread,
        known.max() + 1000 * spread,
    ]
    assert log_kde(known)(x) == pytest.approx(direct(known, x), rel=1e-11, abs=1e-11)


@given(
    arrays(np.float64, st.integers(2, 60), elements=st.floats(-50, 50), unique=True).filter(
        lambda known: known.std() > 1e-3
    ),
    arrays(np.float64, st.integers(1, 20), elements=st.floats(-500, 500)),
)
def test_log_kde_is_that_sum_for_any_values(known: Values, x: Values) -> None:
    assert log_kde(known)(x) == pytest.approx(direct(known, x), rel=1e-10, abs=1e-10)


def test_log_kde_agrees_with_scipy() -> None:
    known = held_out("normal", 2000)
    x = np.linspace(-9000, -5000, 501)
    assert log_kde(known)(x) == pytest.approx(stats.gaussian_kde(known).logpdf(x), rel=1e-12)


def test_log_kde_integrates_to_one() -> None:
    x = np.linspace(-30, 60, 200_001)
    density = np.exp(log_kde(held_out("skewed", 40))(x))
    assert np.trapezoid(density, x) == pytest.approx(1, abs=1e-6)


def test_log_kde_stays_finite_and_falls_at_any_distance() -> None:
    x = np.array([0.0, 1e1, 1e3, 1e6, 1e9, 1e12])
    found = log_kde(held_out("ties", 300))(x)
    assert np.isfinite(found).all()
    assert (np.diff(found) < 0).all()


@pytest.mark.parametrize("known", [np.empty(0), np.ones(1), np.full(9, -7000.1)])
def test_log_kde_refuses_values_that_do_not_differ(known: Values) -> None:
    with pytest.raises(ValueError, match=f"values that differ, got {len(known)} of one value"):
        log_kde(known)


def columns(n: int, seed: int, shift: float = 0.0) -> Columns:
    random = np.random.default_rng(seed)
    return {
        "log_prob": random.normal(-7000 + shift, 300, n),
        "complexity_png": random.gamma(9, 2000, n),
        "gradient_norm.0": random.lognormal(5, 1, n),
        "gradient_norm.10": random.lognormal(2, 2, n),
        "gradient_norm.9": random.lognormal(1, 1, n),
    }


STATISTICS = ("gradient_norm.*", "log_prob")
ORDER = ("gradient_norm.0", "gradient_norm.9", "gradient_norm.10", "log_prob")


def test_statistics_are_stacked_in_the_order_given_and_families_in_that_of_numbers() -> None:
    found = columns(5, 0)
    expected = np.stack([found[name] for name in ORDER], axis=1)
    assert stacked(found, STATISTICS).tolist() == expected.tolist()


def test_dose_adds_up_the_log_densities_of_scipy_over_standardised_statistics() -> None:
    known, images = columns(400, 0), columns(90, 1, shift=500)
    scores = Dose(statistics=STATISTICS).fit(known)(images)
    expected = np.zeros(90)
    for name in ORDER:
        mean, std = known[name].mean(), known[name].std()
        kde = stats.gaussian_kde((known[name] - mean) / std)
        expected -= kde.logpdf((images[name] - mean) / std)
    assert scores == pytest.approx(expected, rel=1e-10)


def test_dose_by_svm_is_minus_the_decision_function_of_scikit_learn() -> None:
    known, images = columns(400, 0), columns(90, 1, shift=500)
    scores = Dose(statistics=STATISTICS, estimator="svm").fit(known)(images)
    whole = np.stack([known[name] for name in ORDER], axis=1)
    mean, std = whole.mean(axis=0), whole.std(axis=0)
    svm = OneClassSVM(gamma="scale", nu=0.5).fit((whole - mean) / std)
    rows = (np.stack([images[name] for name in ORDER], axis=1) - mean) / std
    assert scores == pytest.approx(-svm.decision_function(rows), rel=1e-6, abs=1e-6)


@pytest.mark.parametrize("estimator", ["kde", "svm"])
def test_dose_scores_what_is_odd_in_one_statistic_above_what_is_usual(estimator: str) -> None:
    known = columns(400, 0)
    detector = Dose(estimator=estimator)  # type: ignore[arg-type]  # a str is what YAML gives
    usual, odd = detector.fit(known)(
        {"log_prob": np.array([-7000.0, -7000.0]), "complexity_png": np.array([17e3, 90e3])}
    )
    assert odd > usual


def test_a_statistic_without_spread_is_left_out_and_one_alone_is_refused() -> None:
    known = {**columns(400, 0), "complexity_png": np.full(400, 800.0)}
    images = {**columns(90, 1), "complexity_png": np.linspace(0, 1e6, 90)}
    both = Dose().fit(known)(images)
    assert both == pytest.approx(Dose(statistics=("log_prob",)).fit(known)(images))
    with pytest.raises(ValueError, match="complexity_png: one value for all 400 held-out images"):
        Dose(statistics=("complexity_png",)).fit(known)


def test_rounding_is_not_taken_for_spread() -> None:
    values = np.full((1000, 1), -7000.1) + np.random.default_rng(0).normal(0, 1e-12, (1000, 1))
    with pytest.raises(ValueError, match="one value"):
        scale(values, ("log_prob",))


def test_dose_needs_what_it_is_told_to_read() -> None:
    assert Dose().needs == ("log_prob", "complexity_png")
    assert Dose(statistics=STATISTICS).needs == STATISTICS
    with pytest.raises(ValueError, match="statistics is empty"):
        Dose(statistics=())
    with pytest.raises(ValueError, match="names log_prob more than once"):
        Dose(statistics=("log_prob", "log_prob"))
    with pytest.raises(ValueError, match="'kde' or 'svm', got 'gmm'"):
        Dose(estimator="gmm")  # type: ignore[arg-type]
