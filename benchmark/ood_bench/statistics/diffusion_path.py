"""Sums along the deterministic path from an image to noise."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ood_bench.capabilities import Denoises, named
from ood_bench.detectors import Columns
from ood_bench.float64 import in_float64
from ood_bench.statistics import Statistic
from ood_bench.statistics.batches import float_like, in_batches
from ood_bench.statistics.noise_found import noise_found

STEPS = 10
LEAST = 0.005
"""The first noise level on images on [0, 1]: where 1,000 steps with β from 0.0001 begin."""
FAMILY = "diffusion_path"
SUMS = tuple(f"{FAMILY}.{of}_{power}" for of in ("noise", "change") for power in (1, 2, 3))


class DiffusionPath(Statistic):
    """Sums of ε and of its rate of change, with their squares and cubes, over ten steps of DDIM.

    From the image on, each step adds the noise ε that the model finds at one noise level to
    reach the next; levels are evenly spaced in ln σ, from 0.005 to the model's largest. The rate
    of change is the difference of ε from step to step, times ten. Sums are over steps and pixels.
    One pass a step. The paper's levels are those of its model's schedule, evenly spaced in t.

    Reference:
        Heng et al., Out-of-Distribution Detection with a Single Unconditional Diffusion Model,
        NeurIPS 2024, arXiv:2405.11881.
    """

    columns = SUMS
    requires = Denoises

    def compute(self, images: NDArray[np.uint8], model: object) -> Columns:
        """Return `diffusion_path.noise_1`, `noise_2`, `noise_3`, and `change_1` to `change_3`."""
        denoiser: Denoises = named(model, Denoises)
        least, most = denoiser.noise_levels
        levels = np.geomspace(max(least, LEAST), most, STEPS)

        def sums(x: Tensor) -> dict[str, Tensor]:
            y = float_like(model, x) / 255.0
            noises: list[Tensor] = []
            for number, level in enumerate(levels):
                noise = noise_found(denoiser, y, level)
                noises.append(in_float64(noise).flatten(1))
                if number + 1 < STEPS:
                    y = y + (levels[number + 1] - level) * noise
            path = torch.stack(noises)
            found = [
                (values**power).sum(dim=(0, 2))
                for values in (path, STEPS * path.diff(dim=0))
                for power in (1, 2, 3)
            ]
            return dict(zip(SUMS, found, strict=True))

        return in_batches(images, model, sums)
