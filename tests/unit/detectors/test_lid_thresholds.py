"""LID by thresholds, against the rule of the paper with both at one share of held-out images."""

import numpy as np
import pytest

from ood_bench.detectors import Columns, LidThresholds


def columns(n: int, seed: int) -> Columns:
    random = np.random.default_rng(seed)
    return {name: random.normal(size=n).round(1) for name in LidThresholds.needs}  # with ties


@pytest.mark.parametrize("share", [0.05, 0.3, 0.9])
def test_a_threshold_on_the_score_is_one_on_each(share: float) -> None:
    """OOD if more than the share of held-out images have more of either."""
    held_out, images = columns(50, 0), columns(200, 1)
    scores = LidThresholds().fit(held_out)(images)
    low = [[np.mean(known > x) > share for x in images[name]] for name, known in held_out.items()]
    assert ((scores > share) == np.any(low, axis=0)).all()


def test_low_values_are_odd_and_high_ones_are_not() -> None:
    scores = LidThresholds().fit(columns(50, 0))(
        {"log_prob": np.array([-9.0, 9.0, 9.0]), "intrinsic_dimension": np.array([9.0, -9.0, 9.0])}
    )
    assert scores.tolist() == [1.0, 1.0, 0.0]
