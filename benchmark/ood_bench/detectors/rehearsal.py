"""Trial fit of a detector on made-up columns, to learn early if it has too few images."""

import warnings

from ood_bench.detectors import Detector
from ood_bench.detectors.made_up import random_columns
from ood_bench.errors import raised

MANY = 10_000
"""Images that are enough for any detector; a fit that fails here has another cause."""


def too_few(detector: Detector, held_out: int) -> str | None:
    """Return why a detector cannot be fitted on this many images; None if no reason is found.

    The detector is fitted on made-up columns of that many images and, if that fails, of many
    more: only a failure that more images cure is due to their number. An estimator's warning, for
    example that it changes a number in its options, counts as a failure.

    Args:
        detector: A new detector.
        held_out: Number of images that it will be fitted on.

    Example:
        >>> from ood_bench.detectors.knn import Knn
        >>> too_few(Knn(k=50), 50)
        >>> too_few(Knn(k=50), 20)
        'k = 50 needs as many images to fit on, got 20'
    """
    if held_out >= MANY:
        return None
    said = _fails(detector, held_out)
    return said if said and not _fails(detector, MANY) else None


def _fails(detector: Detector, images: int) -> str | None:
    columns = random_columns((*detector.needs, *detector.fits_on), images, seed=0)
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        try:
            detector.fit(columns)
        except Exception as error:  # noqa: BLE001  a detector may run anybody's code
            text = " ".join(str(error).split())
            return text if isinstance(error, ValueError) and text else raised(error)
    plain = (str(warning.message) for warning in heard if warning.category is UserWarning)
    return next((" ".join(text.split()) for text in plain), None)
