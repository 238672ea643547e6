"""LMD: an image is odd when a diffusion model paints its hidden parts otherwise."""

import numpy as np

from ood_bench.detectors import Columns, Detector, Scorer, Scores
from ood_bench.detectors.matrix import stacked


class Lmd(Detector):
    """Median over attempts of the error of what the model paints into hidden parts.

    Lift, map, detect: the error is the mean squared one of images on [0, 1]. The paper takes
    LPIPS, which needs a network that was trained on other images, and has the squared error as a
    variant. Nothing is fitted.

    Reference:
        Liu et al., Unsupervised Out-of-Distribution Detection with Diffusion Inpainting, ICML 2023,
        arXiv:2302.10326.
    """

    needs = ("inpainting_error.*",)

    def fit(self, held_out: Columns) -> Scorer:
        """Return x ↦ median error."""
        del held_out

        def score(images: Columns) -> Scores:
            found: Scores = np.median(stacked(images, self.needs), axis=1)
            return found

        return score
