"""The difference of AUROCs that are means over different trainings."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import ttest_ind

from ood_bench.metrics import auroc, mean_difference, paired_delong, pooled_p

Sides = tuple[NDArray[np.float64], NDArray[np.float64]]


def trainings(random: np.random.Generator, images: Sides, count: int, shift: float) -> list[Sides]:
    """Scores whose separation differs from training to training, of the same images."""
    found = []
    for _ in range(count):
        moved = shift + random.normal(0, 0.15)
        noise = [random.normal(0, 0.5, len(side)) for side in images]
        found.append((images[0] + noise[0], images[1] + noise[1] + moved))
    return found


def drawn(random: np.random.Generator, count: int = 60) -> Sides:
    return random.normal(size=count), random.normal(1, 1, count)


def test_one_training_of_each_is_delongs_paired_test() -> None:
    random = np.random.default_rng(0)
    (first,), (second,) = (trainings(random, drawn(random), 1, 0) for _ in range(2))
    expected = paired_delong((first[0], second[0]), (first[1], second[1]))
    found = mean_difference([first], [second])
    assert found.measure == pytest.approx(expected)
    assert found.p == pytest.approx(pooled_p([expected]))


def test_it_is_the_difference_of_the_means() -> None:
    random = np.random.default_rng(1)
    images = drawn(random)
    first, second = trainings(random, images, 3, 0), trainings(random, images, 5, 0.4)
    means = [np.mean([auroc(*sides) for sides in part]) for part in (first, second)]
    assert mean_difference(first, second).measure.value == pytest.approx(means[0] - means[1])
    other = mean_difference(second, first)
    assert other.measure.value == pytest.approx(means[1] - means[0])
    assert other.p == pytest.approx(mean_difference(first, second).p)


def test_with_many_images_only_the_trainings_count_as_in_welchs_test() -> None:
    random = np.random.default_rng(2)
    images = drawn(random, 100_000)
    parts = []
    for count, shift in ((3, 0.0), (5, 0.2)):
        moved = shift + random.normal(0, 0.3, count)
        parts.append([(images[0], images[1] + by) for by in moved])
    values = [[auroc(*sides) for sides in part] for part in parts]
    expected = ttest_ind(*values, equal_var=False)
    found = mean_difference(parts[0], parts[1])
    low, high = expected.confidence_interval(0.95)
    assert found.p == pytest.approx(expected.pvalue, rel=1e-3)
    assert found.measure.low == pytest.approx(low, rel=1e-3)
    assert found.measure.high == pytest.approx(high, rel=1e-3)


def test_p_is_below_the_complement_of_the_level_where_the_interval_misses_zero() -> None:
    random = np.random.default_rng(3)
    for shift in np.linspace(0, 1.5, 12):
        images = drawn(random)
        found = mean_difference(
            trainings(random, images, 2, float(shift)), trainings(random, images, 3, 0), level=0.9
        )
        measure = found.measure
        assert (found.p < 0.1) == (measure.low > 0 or measure.high < 0)


def test_the_interval_holds_the_true_difference_as_often_as_it_says() -> None:
    random = np.random.default_rng(4)
    held = []
    for _ in range(400):
        images = drawn(random)
        found = mean_difference(
            trainings(random, images, 3, 0.3), trainings(random, images, 4, 0.3)
        ).measure
        held.append(found.low <= 0 <= found.high)
    assert 0.93 <= np.mean(held) <= 0.995


def test_a_side_of_one_image_says_nothing() -> None:
    found = mean_difference(
        [(np.array([0.0]), np.arange(5.0))], [(np.array([9.0]), np.arange(5.0))]
    )
    assert found.measure[1:] == (-1.0, 1.0)
    assert found.p == 1.0
