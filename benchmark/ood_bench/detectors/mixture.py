"""Density of statistics as a mixture of Gaussians."""

from collections.abc import Callable, Sequence
from typing import Any

from ood_bench.detectors import Columns, Scorer
from ood_bench.detectors.estimators import fit_estimator
from ood_bench.detectors.matrix import Matrix

IMAGES_EACH = 20
"""Held-out images for each component at least."""


def checked_components(components: int) -> int:
    """Return the number of Gaussians that an option asks for.

    Raises:
        ValueError: If it is below 1.
    """
    if components < 1:
        raise ValueError(f"components must be at least 1, got {components}")
    return components


def fit_mixture(held_out: Columns, statistics: Sequence[str], components: int) -> Scorer:
    """Return x ↦ -log q(t(x)), q a mixture of Gaussians with full covariances, in nats.

    The statistics t are standardised. With fewer than 20 held-out images for each component,
    there are fewer components.

    Args:
        held_out: Columns of held-out images.
        statistics: The statistics, or families of them.
        components: Gaussians in the mixture.

    Raises:
        ValueError: If values are missing, or no statistic varies.
    """
    from sklearn.mixture import GaussianMixture

    def fitted(values: Matrix) -> Callable[[Matrix], Any]:
        count = max(1, min(components, len(values) // IMAGES_EACH))
        mixture = GaussianMixture(count, random_state=0).fit(values)
        return lambda rows: -mixture.score_samples(rows)

    return fit_estimator(fitted, held_out, tuple(statistics), standardise=True)
