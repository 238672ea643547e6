"""SITN, against a plain form of its score, and the rate of false alarms that it bounds."""

import numpy as np
import pytest

from ood_bench.detectors import Columns, Sitn


def columns(n: int, seed: int) -> Columns:
    random = np.random.default_rng(seed)
    return {name: random.lognormal(size=n) for name in Sitn.needs}


def test_sitn_is_the_larger_share_of_held_out_images_at_most_the_image() -> None:
    held_out, images = (
        {name: values.round(1) for name, values in columns(n, seed).items()}  # with ties
        for n, seed in ((50, 0), (30, 1))
    )
    shares = [[np.mean(held_out[name] <= x) for x in images[name]] for name in held_out]
    assert Sitn().fit(held_out)(images) == pytest.approx(np.max(shares, axis=0))


@pytest.mark.parametrize("share", [0.01, 0.05, 0.2])
def test_sitn_bounds_the_rate_of_false_alarms(share: float) -> None:
    scores = Sitn().fit(columns(2000, 0))(columns(5000, 1))
    assert share / 2 < np.mean(scores > 1 - share) < 2 * share + 0.01
