"""DDPM-OOD: an image is odd when a diffusion model reconstructs it badly."""

from ood_bench.detectors import Columns, Detector, Scorer, Scores
from ood_bench.detectors.matrix import scale, stacked


class DdpmOod(Detector):
    """Mean over depths of noise of the reconstruction's error, as a z-score.

    (e - mean) / std of the mean squared error e at each depth, with the moments over held-out
    images. The paper averages z-scores of two distances, the mean squared error and LPIPS; LPIPS
    needs a network that was trained on other images, and is left out.

    Reference:
        Graham et al., Denoising Diffusion Models for Out-of-Distribution Detection, CVPR workshops
        2023, arXiv:2211.07740.
    """

    needs = ("reconstruction_error.*",)

    def fit(self, held_out: Columns) -> Scorer:
        """Return x ↦ mean z-score of the errors.

        Raises:
            ValueError: If no error varies over the held-out images.
        """
        standard = scale(stacked(held_out, self.needs), self.needs)

        def score(images: Columns) -> Scores:
            found: Scores = standard(stacked(images, self.needs)).mean(axis=1)
            return found

        return score
