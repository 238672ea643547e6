"""Helpers of analyses that call the model: log-likelihoods, and evenly spaced rows."""

import numpy as np
from numpy.typing import NDArray

from ood_bench.analyses import Study
from ood_bench.detectors import Scores
from ood_bench.metrics.checks import finite


def log_prob(study: Study, images: NDArray[np.uint8], what: str) -> Scores:
    """Return log P(x) of uint8 images `(N, C, H, W)` under the study's model, nats, `(N,)`.

    Args:
        study: The study that holds the model.
        images: The images.
        what: Description of the images, for messages.

    Raises:
        ValueError: If a value is not finite.
    """
    from ood_bench.statistics.log_prob import LogProb

    found = LogProb().compute(images, study.trained())["log_prob"]
    return finite(found, f"log_prob of {study.model} on {what}")


def spread_rows(count: int, total: int) -> NDArray[np.int64]:
    """Return `count` evenly spaced rows of `total`; all if there are fewer.

    Example:
        >>> spread_rows(4, 10), spread_rows(9, 3)
        (array([0, 2, 5, 7]), array([0, 1, 2]))
    """
    count = min(count, total)
    return np.arange(count, dtype=np.int64) * total // max(count, 1)
