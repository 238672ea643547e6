"""Detectors that read log-likelihoods: closed forms, which way up, groups, what is refused."""

import numpy as np
import pytest
from scipy import stats

from ood_bench.detectors import Columns
from ood_bench.detectors.background_ratio import BackgroundRatio
from ood_bench.detectors.hierarchical_ratio import HierarchicalRatio
from ood_bench.detectors.likelihood_regret import LikelihoodRegret
from ood_bench.detectors.typicality import Typicality
from ood_bench.detectors.typicality_density import TypicalityDensity
from ood_bench.detectors.waic import Waic

RANDOM = np.random.default_rng(0)
HELD_OUT: Columns = {"log_prob": RANDOM.normal(-7000, 300, 500)}
IMAGES: Columns = {"log_prob": RANDOM.normal(-6500, 400, 103)}


def test_a_group_of_one_is_the_typicality_of_each_image_in_row_order() -> None:
    scores = Typicality(group=1).fit(HELD_OUT)(IMAGES)
    expected = np.abs(IMAGES["log_prob"] - HELD_OUT["log_prob"].mean())
    assert scores.tolist() == expected.tolist()
    assert Typicality().group == 1


def test_typicality_of_groups_is_the_distance_of_their_means_over_a_fixed_permutation() -> None:
    detector = Typicality(group=10)
    scores = detector.fit(HELD_OUT)(IMAGES)
    rows = np.random.default_rng(0).permutation(103)
    mean = HELD_OUT["log_prob"].mean()
    expected = [
        abs(np.mean([IMAGES["log_prob"][row] for row in rows[i : i + 10]]) - mean)
        for i in range(0, 100, 10)
    ]
    assert detector.group == 10
    assert scores == pytest.approx(expected)
    assert scores.tolist() == Typicality(group=10).fit(HELD_OUT)(IMAGES).tolist()


def test_groups_are_not_runs_of_neighbouring_rows() -> None:
    """Data sets lie on disk by class; a group must not be of one class for that reason."""
    columns = {"log_prob": np.repeat([-8000.0, -6000.0], 500)}
    scores = Typicality(group=50).fit({"log_prob": np.array([-7000.0])})(columns)
    assert scores.max() < 500


def test_one_group_of_all_images_is_scored_and_one_image_too_few_is_refused() -> None:
    assert len(Typicality(group=103).fit(HELD_OUT)(IMAGES)) == 1
    with pytest.raises(ValueError, match="groups of 104 images needs as many, got 103"):
        Typicality(group=104).fit(HELD_OUT)(IMAGES)
    with pytest.raises(ValueError, match="at least 1 image, got 0"):
        Typicality(group=0)


def ensemble(*log_probs: list[float]) -> Columns:
    return {f"member.{k}.log_prob": np.array(values) for k, values in enumerate(log_probs)}


def test_waic_adds_the_population_variance_over_members_to_minus_their_mean() -> None:
    columns = ensemble([-100.0, -100.0, -5.0], [-104.0, -100.0, -7.0])
    scores = Waic().fit(columns)(columns)
    assert scores.tolist() == [102.0 + 4.0, 100.0, 6.0 + 1.0]


def test_waic_of_more_than_ten_members_reads_all_of_them() -> None:
    values = np.random.default_rng(1).normal(-7000, 30, (12, 5))
    columns = ensemble(*values.tolist())
    expected = [-(np.mean(image) - np.var(image)) for image in values.T]
    assert Waic().fit(columns)(columns) == pytest.approx(expected)


def test_waic_refuses_an_ensemble_of_one() -> None:
    with pytest.raises(ValueError, match="at least 2 members, got 1"):
        Waic().fit(ensemble([-100.0]))


def test_background_ratio_is_high_where_the_background_model_explains_as_much() -> None:
    columns = {
        "log_prob": np.array([-7000.0, -5000.0]),
        "background.log_prob": np.array([-7400.0, -5000.0]),
    }
    assert BackgroundRatio().fit(columns)(columns).tolist() == [-400.0, 0.0]


def test_likelihood_regret_is_its_column_and_shares_no_memory_with_it() -> None:
    columns = {"likelihood_regret": np.array([3.0, 90.0])}
    scores = LikelihoodRegret().fit(columns)(columns)
    assert scores.tolist() == [3.0, 90.0]
    assert not np.shares_memory(scores, columns["likelihood_regret"])


LEVELS: Columns = {
    "elbo_above.0": np.array([-100.0, -90.0]),
    "elbo_above.1": np.array([-110.0, -200.0]),
    "elbo_above.2": np.array([-150.0, -300.0]),
}


@pytest.mark.parametrize(("above", "expected"), [(1, [10.0, 110.0]), (2, [50.0, 210.0])])
def test_hierarchical_ratio_is_the_bound_less_that_above_k(
    above: int, expected: list[float]
) -> None:
    assert HierarchicalRatio(above=above).fit(LEVELS)(LEVELS).tolist() == expected


def test_hierarchical_ratio_names_the_levels_that_there_are() -> None:
    with pytest.raises(ValueError, match="above = 3: the model has no such level; it has 1, 2"):
        HierarchicalRatio(above=3).fit(LEVELS)
    with pytest.raises(ValueError, match="it has none"):
        HierarchicalRatio().fit({"elbo_above.0": np.zeros(2)})
    with pytest.raises(ValueError, match="at least 1 level, got 0"):
        HierarchicalRatio(above=0)


def test_typicality_density_is_minus_the_log_density_of_scipy() -> None:
    scores = TypicalityDensity().fit(HELD_OUT)(IMAGES)
    expected = -stats.gaussian_kde(HELD_OUT["log_prob"]).logpdf(IMAGES["log_prob"])
    assert scores == pytest.approx(expected, rel=1e-12)


def test_typicality_density_scores_both_tails_above_the_middle() -> None:
    scorer = TypicalityDensity().fit(HELD_OUT)
    low, middle, high = scorer({"log_prob": np.array([-9000.0, -7000.0, -4000.0])})
    assert low > middle < high
