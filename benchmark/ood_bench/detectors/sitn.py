"""SITN: an image is odd when its latents do not look like noise."""

import numpy as np

from ood_bench.detectors import Columns, Detector, Scorer, Scores


class Sitn(Detector):
    """Largest of the quantiles of two tests of an image's latents among held-out images.

    The signal in the noise: a quantile is the share of held-out images whose statistic, of
    Anderson and Darling or of the spectrum, is at most the image's. Images beyond all of them in
    either tie at 1. About 2α of in-distribution images at most have a score above 1 − α.

    Reference:
        Bomatter et al., The Signal in the Noise: OOD Detection Through Goodness-of-Fit Testing in
        Factorised Latent Spaces, 2026, arXiv:2605.22496.
    """

    needs = ("latent_normality.anderson_darling", "latent_normality.spectrum")

    def fit(self, held_out: Columns) -> Scorer:
        """Return x ↦ the larger quantile."""
        known = {name: np.sort(held_out[name]) for name in self.needs}

        def quantile(name: str, x: Scores) -> Scores:
            at_most = np.searchsorted(known[name], x, side="right") / len(known[name])
            return np.where(np.isnan(x), np.nan, at_most)

        def score(images: Columns) -> Scores:
            found: Scores = np.maximum(*(quantile(name, images[name]) for name in self.needs))
            return found

        return score
