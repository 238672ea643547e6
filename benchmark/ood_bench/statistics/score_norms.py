"""Norms of the score of noisy images' density, at several noise levels."""

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ood_bench.capabilities import Denoises, named
from ood_bench.detectors import Columns
from ood_bench.float64 import in_float64
from ood_bench.statistics import Statistic
from ood_bench.statistics.batches import float_like, in_batches
from ood_bench.statistics.noise_found import noise_found

COUNT = 10
LEAST, MOST = 0.01, 1.0
"""Noise levels on images on [0, 1], as in the paper; closer together for a model of fewer."""


class ScoreNorms(Statistic):
    """σ‖∇ log p_σ(y)‖ at ten noise levels σ, of the image without noise.

    p_σ is the density of images with Gaussian noise σ; the levels are evenly spaced in ln σ
    from 0.01 to 1 on images on [0, 1]. The factor σ gives each level the scale of noise; it
    changes no detector that standardises. One pass a level.

    Reference:
        Mahmood et al., Multiscale Score Matching for Out-of-Distribution Detection, ICLR 2021,
        arXiv:2010.13132.
    """

    columns = ("score_norm.*",)
    requires = Denoises

    def compute(self, images: NDArray[np.uint8], model: object) -> Columns:
        """Return `score_norm.0`, at the smallest noise level, to `score_norm.9`."""
        denoiser: Denoises = named(model, Denoises)
        least, most = denoiser.noise_levels
        levels = np.geomspace(max(least, LEAST), min(most, MOST), COUNT)

        def norms(x: Tensor) -> dict[str, Tensor]:
            y = float_like(model, x) / 255.0
            found = {}
            for number, level in enumerate(levels):
                noise = in_float64(noise_found(denoiser, y, level))
                found[f"score_norm.{number}"] = noise.flatten(1).norm(dim=1)
            return found

        return in_batches(images, model, norms)
