"""DDPM-OOD and LMD, against plain forms of their scores."""

import numpy as np
import pytest

from ood_bench.detectors import DdpmOod, Lmd
from ood_bench.detectors.made_up import random_columns


def test_ddpm_ood_is_the_mean_of_z_scores() -> None:
    held_out, images = (random_columns(DdpmOod.needs, n, seed) for n, seed in ((50, 0), (20, 1)))
    expected = np.mean(
        [(images[name] - held_out[name].mean()) / held_out[name].std() for name in held_out], axis=0
    )
    assert DdpmOod().fit(held_out)(images) == pytest.approx(expected)


def test_lmd_is_the_median_error() -> None:
    images = {f"inpainting_error.{k}": np.array([value]) for k, value in enumerate((4.0, 1, 2, 9))}
    assert Lmd().fit(images)(images) == pytest.approx([3.0])
