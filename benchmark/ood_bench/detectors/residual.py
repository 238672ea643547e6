"""Residual: an image is odd when its features leave the space of the usual ones."""

from ood_bench.detectors import Columns, Detector, FitOn, Scorer, Scores
from ood_bench.detectors.last_layer import features_of
from ood_bench.detectors.subspace import checked_dims, subspace


class Residual(Detector):
    """|(f(x) - o) R|, in the unit of the features: the first term of `vim`, without its α.

    o = -pinv(W) b is the point at which the affine logits W f + b are nearest to zero, and R
    holds the directions in which known features vary least, all but the D principal ones about o.

    Args:
        dims: D; by default 1000 from 2048 features on, 512 from 768 on, else half of them.
        fit_on: The known images: those that the classifier was trained on, as in the paper, or
            those held out.

    Reference:
        Wang et al., ViM: Out-Of-Distribution with Virtual-logit Matching, CVPR 2022,
        arXiv:2203.10807, where it is a baseline.
    """

    needs = ("classifier.features.*",)
    fits_on = ("classifier.logits.*",)
    reads_last_layer = True

    def __init__(self, *, dims: int | None = None, fit_on: FitOn = "train") -> None:
        self.dims = checked_dims(dims)
        self.fit_on = fit_on

    def fit(self, known: Columns) -> Scorer:
        """Return x ↦ the length of the residual.

        Raises:
            ValueError: If the logits are no affine function of the features, or nothing is
                left beside the principal directions.
        """
        space = subspace(known, self.dims)

        def score(images: Columns) -> Scores:
            return space.residual(features_of(images))

        return score
