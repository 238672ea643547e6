"""Virtual-logit matching: an image is odd when its features leave the space of the usual ones."""

from scipy.special import logsumexp

from ood_bench.detectors import Columns, Detector, FitOn, Scorer, Scores
from ood_bench.detectors.last_layer import features_of, logits_of
from ood_bench.detectors.subspace import checked_dims, subspace


class Vim(Detector):
    """α |(f(x) - o) R| - logsumexp(logits(x)), in nats.

    The origin o = -pinv(W) b is the point at which the affine logits W f + b are nearest to
    zero, and R holds the directions in which known features vary least, all but the D
    principal ones about o. α makes the mean of the residual over known images that of their
    largest logit. W and b come from known features and logits by least squares: exactly, if
    there are more images than features and the features have full rank. A feature that does not
    vary over known images has weight 0.

    Args:
        dims: D; by default 1000 from 2048 features on, 512 from 768 on, else half of them.
        fit_on: The known images: those that the classifier was trained on, as in the paper, or
            those held out.

    Reference:
        Wang et al., ViM: Out-Of-Distribution with Virtual-logit Matching, CVPR 2022,
        arXiv:2203.10807.
    """

    needs = ("classifier.features.*", "classifier.logits.*")
    reads_last_layer = True

    def __init__(self, *, dims: int | None = None, fit_on: FitOn = "train") -> None:
        self.dims = checked_dims(dims)
        self.fit_on = fit_on

    def fit(self, known: Columns) -> Scorer:
        """Return x ↦ scaled residual minus the logsumexp of the logits.

        Raises:
            ValueError: If the logits are no affine function of the features, or nothing is
                left beside the principal directions.
        """
        space = subspace(known, self.dims)
        usual = float(space.residual(features_of(known)).mean())
        alpha = float(logits_of(known).max(axis=1).mean()) / usual

        def score(images: Columns) -> Scores:
            virtual: Scores = alpha * space.residual(features_of(images))
            found: Scores = virtual - logsumexp(logits_of(images), axis=1)
            return found

        return score
