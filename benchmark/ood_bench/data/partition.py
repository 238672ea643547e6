"""Which training images a model sees, and which are kept from it."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ood_bench.errors import DataError
from ood_bench.hashing import seed_for


class Partition(NamedTuple):
    """Row numbers of the training split, each row in one part."""

    train: NDArray[np.int64]
    validation: NDArray[np.int64]
    held_out: NDArray[np.int64]


def partition(count: int, *, digest: str, validation: int, held_out: int) -> Partition:
    """Divide a training split by a permutation that depends on its content alone.

    Args:
        count: Images in the split.
        digest: Content digest of the split; the same images are always divided the same way.
        validation: Images on which training reports bits per dimension.
        held_out: Images on which detectors are fitted.

    Raises:
        DataError: If nothing would be left to train on.

    Example:
        >>> parts = partition(10, digest="d", validation=2, held_out=3)
        >>> [len(part) for part in parts]
        [5, 2, 3]
    """
    kept = count - validation - held_out
    if kept < 1:
        raise DataError(
            f"{count} training images, of which {validation} validate and {held_out} are held "
            "out, leave none to train on; lower training.validation or training.held_out"
        )
    order = np.random.default_rng(seed_for("partition", digest)).permutation(count)
    return Partition(order[:kept], order[kept : kept + validation], order[kept + validation :])
