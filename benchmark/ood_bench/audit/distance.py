"""How far two sets of images lie apart, by their pixels alone."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ood_bench.audit.sets import Pixels

MOST = 1_000
"""Most images of each set, the first ones."""
COMPONENTS = 64


class PixelDistance(NamedTuple):
    """Distances between sets of images, in units of the ID set's variance.

    Attributes:
        distance: From the ID test images to the OOD ones.
        own: From the ID test images to the training images, the distance of equal sets at this
            number of images.
        images: Number of images of each set.
    """

    distance: float
    own: float
    images: int


def pixel_distance(inside: Pixels, train: Pixels, outside: Pixels) -> PixelDistance:
    """Return the Fréchet distance of pixels, relative to the variance of the ID test images.

    Pixels are projected to the 64 leading principal components of ID and OOD test images
    together, and each set is taken as a Gaussian there. The distance is 0 for equal means and
    covariances, 1 if it is as large as the ID images' variance (which counts as 1, on the scale
    of 0 to 1, if these images are all equal). As many images of each set are
    taken, the first ones, so that `distance` and `own` have the same bias.

    Args:
        inside: ID test images, uint8 `(N, C, H, W)`.
        train: ID training images, likewise.
        outside: OOD test images, likewise.

    Reference:
        Dowson, Landau, The Fréchet distance between multivariate normal distributions, Journal of
        Multivariate Analysis 1982, doi:10.1016/0047-259X(82)90077-X.
    """
    from sklearn.utils.extmath import randomized_svd

    count = min(MOST, len(inside), len(train), len(outside))
    sets = [side[:count].reshape(count, -1) / 255 for side in (inside, train, outside)]
    pooled = np.concatenate([sets[0], sets[2]])
    centre = pooled.mean(axis=0)
    components = min(COMPONENTS, *pooled.shape)
    _, _, axes = randomized_svd(pooled - centre, n_components=components, random_state=0)
    own, other, far = ((side - centre) @ axes.T for side in sets)
    variance = float(own.var(axis=0).sum()) or 1.0
    return PixelDistance(frechet(own, far) / variance, frechet(own, other) / variance, count)


def frechet(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    r"""Return the squared Fréchet distance of the Gaussians of two samples.

    $\|\mu_1 - \mu_2\|^2 + \mathrm{tr}(\Sigma_1 + \Sigma_2 - 2 (\Sigma_1^{1/2} \Sigma_2
    \Sigma_1^{1/2})^{1/2})$.

    Args:
        first: One sample, shape `(N, D)`.
        second: The other, shape `(M, D)`.
    """
    shift = first.mean(axis=0) - second.mean(axis=0)
    one, two = (np.atleast_2d(np.cov(side.T, bias=True)) for side in (first, second))
    values, vectors = np.linalg.eigh(one)
    root = (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T
    cross = np.linalg.eigvalsh(root @ two @ root)
    overlap = float(np.sqrt(np.maximum(cross, 0.0)).sum())
    return max(0.0, float(shift @ shift + np.trace(one) + np.trace(two) - 2 * overlap))
