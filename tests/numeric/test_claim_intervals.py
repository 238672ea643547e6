"""Intervals of claims whose terms share images: closed forms, DeLong, and simulated coverage."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pytest
from scipy.stats import norm

from ood_bench.claims import Claim, Measured, PerImage, Rows, evaluate_claims
from ood_bench.claims.joint import ADDED, BOOTSTRAP, DELONG, EXACT, INDEPENDENT, OWN
from ood_bench.metrics import STANDARD, Measure, auroc, delong, fpr95, mean_bpd, paired_delong
from ood_bench.metrics.checks import Scores
from ood_bench.metrics.covariance import auroc_influence, covariance
from ood_bench.metrics.resampling import jointly, resampled_detection, resampled_mean
from ood_bench.results import ClaimResult, FindingRow, Metric, Row
from ood_bench.units import bits_per_dim

Z = float(norm.ppf(0.975))
SHARED = {"both": "io", "inside": "iO", "outside": "Io", "none": "IO"}
"""Pairings of a second pair of sets with the first, `io`: a small letter is the same images."""


class Scored(NamedTuple):
    """A detector's scores of two sets of images, which `sets` names."""

    sets: tuple[str, str]
    inside: Scores
    outside: Scores


class Held:
    """Scores by detector and seed, and log-likelihoods of the inside `i`, as a source."""

    def __init__(
        self, scored: Mapping[str, Scored], log_prob: Scores | None = None, *, kept: bool = True
    ) -> None:
        self.scored, self.log_prob, self.kept = scored, log_prob, kept

    def images(self, row: Measured, /) -> frozenset[str] | None:
        if isinstance(row, FindingRow):
            return None
        return frozenset(self._found(row).sets) if row.detector else frozenset("i")

    def read(self, row: Measured, /) -> PerImage | None:
        if not self.kept or isinstance(row, FindingRow):
            return None
        if not row.detector:
            assert self.log_prob is not None
            bits = np.asarray(bits_per_dim(self.log_prob, 64))
            return PerImage({"i": Rows(len(bits))}, resampled_mean(bits, of="i"), {"i": bits})
        sets, inside, outside = self._found(row)
        influence = None
        if row.metric == "auroc":
            influence = dict(zip(sets, auroc_influence(inside, outside), strict=True))
        return PerImage(
            {sets[0]: Rows(len(inside)), sets[1]: Rows(len(outside))},
            resampled_detection(STANDARD[row.metric], inside, outside, sets=sets),
            influence,
        )

    def _found(self, row: Row) -> Scored:
        seed = "" if row.seed == "all" else row.seed
        return self.scored[row.detector + seed]


def row(detector: str, measure: Measure, *, metric: Metric = "auroc", seed: str = "all") -> Row:
    return Row("s", "glow", "i", "o", detector, seed, metric, *measure, 1, 1, "", "")


def claimed(measure: str, rows: list[Row], source: Held) -> ClaimResult:
    for name in "abc":
        measure = measure.replace(f"{{{name}}}", f"auroc(detector='{name}')")
    claim = Claim(id="c", says="s", source="p", measure=measure, expect="> 0")
    (result,) = evaluate_claims([claim], rows, source=source)
    return result


def reach(result: ClaimResult) -> float:
    """Return the half-width of an interval that is as wide below its value as above."""
    assert result.measured is not None
    assert result.low is not None
    assert result.high is not None
    assert result.high - result.measured == pytest.approx(result.measured - result.low)
    return (result.high - result.low) / 2


def two(
    random: np.random.Generator,
    *,
    sharing: str = "both",
    counts: tuple[int, int] = (90, 60),
    shift: tuple[float, float] = (0.8, 1.2),
) -> dict[str, Scored]:
    """Draw the scores of detectors `a` and `b`, which correlate by 0.8 on images they share."""

    def images(count: int, mean: tuple[float, float]) -> Scores:
        return random.multivariate_normal(mean, [[1.0, 0.8], [0.8, 1.0]], size=count)

    n, m = counts
    sets = {
        name: images(n if name in "iI" else m, (0, 0) if name in "iI" else shift) for name in "ioIO"
    }
    inside, outside = SHARED[sharing]
    return {
        "a": Scored(("i", "o"), sets["i"][:, 0], sets["o"][:, 0]),
        "b": Scored((inside, outside), sets[inside][:, 1], sets[outside][:, 1]),
    }


def aurocs(scored: Mapping[str, Scored]) -> list[Row]:
    return [row(name, delong(found.inside, found.outside)) for name, found in scored.items()]


def by_hand(scored: Mapping[str, Scored]) -> np.ndarray:
    """Return DeLong's covariance matrix of two AUROCs, term by term as the paper defines it."""
    parts = []
    for sets, inside, outside in scored.values():
        kernel = (outside > inside[:, None]) + 0.5 * (outside == inside[:, None])
        parts.append({sets[0]: kernel.mean(axis=1), sets[1]: kernel.mean(axis=0)})
    found = np.zeros((2, 2))
    for i, one in enumerate(parts):
        for j, other in enumerate(parts):
            for name in one.keys() & other.keys():
                found[i, j] += np.cov(one[name], other[name])[0, 1] / len(one[name])
    return found


@pytest.mark.parametrize("sharing", SHARED)
def test_the_covariance_of_aurocs_is_delongs_whatever_images_they_share(sharing: str) -> None:
    scored = two(np.random.default_rng(1), sharing=sharing)
    parts = [
        dict(zip(one.sets, auroc_influence(one.inside, one.outside), strict=True))
        for one in scored.values()
    ]
    np.testing.assert_allclose(covariance(parts), by_hand(scored), rtol=1e-10)


def test_a_difference_on_the_same_images_is_paired_delongs() -> None:
    scored = two(np.random.default_rng(2))
    found = claimed("{b} - {a}", aurocs(scored), Held(scored))
    a, b = scored.values()
    expected = paired_delong((b.inside, a.inside), (b.outside, a.outside))
    assert (found.measured, found.low, found.high) == pytest.approx(expected)
    assert found.interval == DELONG


@pytest.mark.parametrize("sharing", [name for name in SHARED if name != "none"])
def test_a_ratio_is_the_delta_methods_with_slopes_gathered_by_term(sharing: str) -> None:
    scored = two(np.random.default_rng(3), sharing=sharing)
    found = claimed("({b} - {a}) / {a}", aurocs(scored), Held(scored))
    a, b = (auroc(one.inside, one.outside) for one in scored.values())
    slopes = np.array([-b / a**2, 1 / a])
    expected = Z * np.sqrt(slopes @ by_hand(scored) @ slopes)
    assert found.measured == pytest.approx((b - a) / a)
    assert reach(found) == pytest.approx(expected, rel=1e-9)
    assert found.interval == DELONG


def test_terms_that_share_no_image_reach_as_far_as_their_own_intervals() -> None:
    scored = two(np.random.default_rng(3), sharing="none")
    found = claimed("({b} - {a}) / {a}", aurocs(scored), Held(scored))
    a, b = (delong(one.inside, one.outside) for one in scored.values())
    slope = b.value / a.value**2
    down = np.hypot(slope * (a.high - a.value), (b.value - b.low) / a.value)
    up = np.hypot(slope * (a.value - a.low), (b.high - b.value) / a.value)
    assert found.measured is not None
    assert found.low == pytest.approx(found.measured - down)
    assert found.high == pytest.approx(found.measured + up)
    assert found.interval == INDEPENDENT


@pytest.mark.parametrize(
    ("measure", "value"),
    [
        ("{a} - {a}", 0.0),
        ("{a} / {a}", 1.0),
        ("{a} - auroc(detector='a', model='glow')", 0.0),
        ("2 * {a} - {a} - {a}", 0.0),
        ("{a} * ({b} - {b})", 0.0),
    ],
)
def test_terms_that_cancel_have_no_width(measure: str, value: float) -> None:
    scored = two(np.random.default_rng(4))
    found = claimed(measure, aurocs(scored), Held(scored))
    assert (found.measured, found.low, found.high) == (value, value, value)
    assert found.interval == EXACT


def test_one_term_keeps_its_own_interval_turned_round_by_a_minus() -> None:
    rows = [row("a", Measure(0.3, 0.2, 0.6))]
    found = claimed("1 - {a} - {a}", rows, Held({}))
    assert (found.low, found.measured, found.high) == pytest.approx((-0.2, 0.4, 0.6))
    assert found.interval == OWN


def test_bits_per_dimension_vary_with_the_auroc_of_the_same_images() -> None:
    random = np.random.default_rng(5)
    scored = two(random)
    log_prob = -300.0 - 20.0 * scored["a"].inside + random.normal(size=90)
    rows = [*aurocs(scored), row("", mean_bpd(log_prob, 64), metric="bpd_inside")]
    found = claimed("{a} + 2 * bpd_inside()", rows, Held(scored, log_prob))
    beating, _ = auroc_influence(scored["a"].inside, scored["a"].outside)
    bits = np.asarray(bits_per_dim(log_prob, 64))
    shared = np.cov(beating, bits)[0, 1] / 90
    variance = by_hand(scored)[0, 0] + 4 * bits.var(ddof=1) / 90 + 2 * 2 * shared
    assert reach(found) == pytest.approx(Z * np.sqrt(variance))


def test_a_joint_bootstrap_has_the_covariance_of_delong() -> None:
    scored = two(np.random.default_rng(6), sharing="outside", counts=(400, 300))
    measures = [
        resampled_detection(STANDARD["auroc"], one.inside, one.outside, sets=one.sets)
        for one in scored.values()
    ]
    sizes = {name: 400 if name in "iI" else 300 for one in scored.values() for name in one.sets}
    drawn = jointly(measures, sizes, seed=0)
    np.testing.assert_allclose(np.cov(drawn.T), by_hand(scored), rtol=0.15)
    whole = {name: np.arange(count) for name, count in sizes.items()}
    assert measures[0](whole) == auroc(scored["a"].inside, scored["a"].outside)


def fprs(scored: Mapping[str, Scored], level: float = 0.02) -> list[Row]:
    found = {name: fpr95(one.inside, one.outside) for name, one in scored.items()}
    return [
        row(name, Measure(value, value - level, value + level), metric="fpr95")
        for name, value in found.items()
    ]


def test_other_measures_take_their_correlation_from_a_joint_bootstrap() -> None:
    scored = two(np.random.default_rng(7), counts=(1000, 800))
    difference = "fpr95(detector='b') - fpr95(detector='a')"
    found = claimed(difference, fprs(scored), Held(scored))
    assert found.interval == BOOTSTRAP
    random = np.random.default_rng(8)
    values = np.array(
        [[r.value for r in fprs(two(random, counts=(1000, 800)))] for _ in range(400)]
    )
    correlation = np.corrcoef(values.T)[0, 1]
    assert reach(found) == pytest.approx(0.02 * np.sqrt(2 - 2 * correlation), rel=0.12)
    same = claimed(difference.replace("'b'", "'a'"), fprs(scored), Held(scored))
    assert (same.measured, same.low, same.high) == (0, 0, 0)


def test_an_auroc_that_nearly_always_is_one_brings_its_own_ends() -> None:
    scored = two(np.random.default_rng(9), shift=(0.8, 9.0))
    rows = [aurocs(scored)[0], row("b", Measure(1.0, 0.96, 1.0))]
    found = claimed("{b} - {a}", rows, Held(scored))
    assert found.low is not None
    assert found.measured is not None
    own = Z * np.sqrt(by_hand(scored)[0, 0])
    assert found.measured - found.low == pytest.approx(np.hypot(own, 0.04))


def test_without_values_of_single_images_half_widths_add_up_where_images_are_shared() -> None:
    for sharing, expected in (("both", 0.05), ("outside", 0.05), ("none", np.hypot(0.02, 0.03))):
        scored = two(np.random.default_rng(10), sharing=sharing)
        rows = [row("a", Measure(0.6, 0.58, 0.62)), row("b", Measure(0.7, 0.67, 0.73))]
        for measure in ("{b} - {a}", "{b} + {a}"):
            found = claimed(measure, rows, Held(scored, kept=False))
            assert reach(found) == pytest.approx(expected)
            assert found.interval == (INDEPENDENT if sharing == "none" else ADDED)


def test_scores_of_other_rows_of_a_set_are_not_paired() -> None:
    scored = two(np.random.default_rng(11))
    b = scored["b"]
    scored["b"] = Scored(b.sets, b.inside[::2], b.outside)
    assert claimed("{b} - {a}", aurocs(scored), Held(scored)).interval == ADDED


def test_what_shares_images_through_a_third_term_is_not_independent() -> None:
    random = np.random.default_rng(12)
    scored = two(random, sharing="none")
    a, b = scored.values()
    scored["c"] = Scored((a.sets[0], b.sets[1]), a.inside, b.outside)
    found = claimed("{a} + {b} - {c}", aurocs(scored), Held(scored))
    parts = [
        dict(zip(one.sets, auroc_influence(one.inside, one.outside), strict=True))
        for one in scored.values()
    ]
    slopes = np.array([1, 1, -1])
    assert reach(found) == pytest.approx(Z * np.sqrt(slopes @ covariance(parts) @ slopes))
    assert found.interval == DELONG


def test_seeds_are_paired_so_that_what_trainings_have_in_common_cancels() -> None:
    """A training that moves both terms alike leaves the difference to its images."""
    shifts, own = [0.5, 1.0, 1.6], 0.02
    scored, rows = {}, []
    for seed, shift in enumerate(shifts):
        found = two(np.random.default_rng(13), shift=(shift, shift + own * seed))
        scored |= {f"{name}{seed}": one for name, one in found.items()}
        rows += [
            row(r.detector, Measure(r.value, r.low, r.high), seed=str(seed)) for r in aurocs(found)
        ]
    for name in "ab":
        values = [r.value for r in rows if r.detector == name and r.seed != "all"]
        rows.append(row(name, Measure(float(np.mean(values)), 0.0, 1.0)))
    found = claimed("{b} - {a}", rows, Held(scored))
    differences = [b.value - a.value for a, b in zip(rows[0:6:2], rows[1:6:2], strict=True)]
    between = 4.302652729 * np.std(differences, ddof=1) / np.sqrt(3)
    influences = [
        np.mean([auroc_influence(*scored[f"b{s}"][1:])[k] for s in range(3)], axis=0)
        - np.mean([auroc_influence(*scored[f"a{s}"][1:])[k] for s in range(3)], axis=0)
        for k in range(2)
    ]
    images = Z * np.sqrt(sum(one.var(ddof=1) / len(one) for one in influences))
    assert found.measured == pytest.approx(np.mean(differences))
    assert reach(found) == pytest.approx(np.hypot(between, images))


def covered(
    measure: str,
    *,
    sharing: str,
    trials: int,
    counts: tuple[int, int] = (150, 120),
    metric: Metric = "auroc",
) -> tuple[float, float]:
    """Return the coverage of 95 % intervals, and their mean half-width over the true one."""
    shift = (0.8, 1.2)
    area = {
        "auroc": [norm.cdf(mean / np.sqrt(2)) for mean in shift],
        "fpr95": [norm.cdf(norm.ppf(0.95) - mean) for mean in shift],
    }[metric]
    text = measure
    for name, value in zip("ab", area, strict=True):
        text = text.replace(f"{{{name}}}", str(value))
        measure = measure.replace(f"{{{name}}}", f"{metric}(detector='{name}')")
    truth = float(eval(text))
    random = np.random.default_rng(14)
    found = []
    for trial in range(trials):
        scored = two(random, sharing=sharing, counts=counts)
        if metric == "auroc":
            rows = aurocs(scored)
        else:
            rows = []
            for name, one in scored.items():
                values = jointly(
                    [
                        resampled_detection(
                            STANDARD[metric], one.inside, one.outside, sets=("i", "o")
                        )
                    ],
                    {"i": counts[0], "o": counts[1]},
                    seed=trial,
                    resamples=200,
                )
                wide = Z * float(values.std(ddof=1))
                value = fpr95(one.inside, one.outside)
                rows.append(row(name, Measure(value, value - wide, value + wide), metric=metric))
        result = claimed(measure, rows, Held(scored))
        found.append((result.measured, result.low, result.high))
    value, low, high = np.array(found, dtype=np.float64).T
    return (
        float(np.mean((low <= truth) & (truth <= high))),
        float(np.mean(high - low) / 2 / (Z * value.std(ddof=1))),
    )


@pytest.mark.parametrize("sharing", SHARED)
@pytest.mark.parametrize("measure", ["{b} - {a}", "({b} - {a}) / {a}", "{a} + {b}"])
def test_intervals_of_95_percent_cover_what_is_true_in_95_percent(
    measure: str, sharing: str
) -> None:
    coverage, width = covered(measure, sharing=sharing, trials=200)
    assert 0.90 <= coverage <= 0.985
    assert width == pytest.approx(1.0, abs=0.13)


@pytest.mark.slow
@pytest.mark.parametrize("sharing", SHARED)
@pytest.mark.parametrize("measure", ["{b} - {a}", "({b} - {a}) / {a}", "{a} + {b}", "{a} * {b}"])
def test_intervals_cover_95_percent_in_many_trials(measure: str, sharing: str) -> None:
    coverage, width = covered(measure, sharing=sharing, trials=4000, counts=(300, 200))
    assert 0.935 <= coverage <= 0.965
    assert width == pytest.approx(1.0, abs=0.04)


@pytest.mark.slow
@pytest.mark.parametrize("sharing", SHARED)
@pytest.mark.parametrize("measure", ["{b} - {a}", "{a} / {b}"])
def test_intervals_of_other_measures_cover_95_percent(measure: str, sharing: str) -> None:
    coverage, width = covered(
        measure, sharing=sharing, trials=150, counts=(1000, 400), metric="fpr95"
    )
    assert 0.90 <= coverage <= 0.99
    assert width == pytest.approx(1.0, abs=0.15)
