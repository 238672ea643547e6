"""Which training images a model sees, and which are kept from it."""

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ood_bench.errors import DataError
from ood_bench.hashing import seed_for


class Partition(NamedTuple):
    """Row numbers of the training split, each row in one part."""

    train: NDArray[np.int64]
    validation: NDArray[np.int64]
    held_out: NDArray[np.int64]

    def first(self, part: Literal["train", "held_out"], most: int | None) -> NDArray[np.int64]:
        """Return the first rows of a part, at most so many; None stands for all."""
        return (self.train if part == "train" else self.held_out)[:most]


class Whole(NamedTuple):
    """The split that some training images are the first of: its content digest, its images."""

    digest: str
    images: int


def partition(
    count: int, *, digest: str, validation: int, held_out: int, whole: Whole | None = None
) -> Partition:
    """Divide a training split by a permutation that depends on its content alone.

    Args:
        count: Images in the split.
        digest: Content digest of the split; the same images are always divided the same way.
        validation: Images on which training reports bits per dimension.
        held_out: Images on which detectors are fitted.
        whole: A larger split that is divided in place of this one, which is its first images;
            `validation` and `held_out` are then sizes in the larger one.

    Raises:
        DataError: If nothing would be left to train on, or a part of the larger split has no
            image here.

    Example:
        >>> parts = partition(10, digest="d", validation=2, held_out=3)
        >>> [len(part) for part in parts]
        [5, 2, 3]
        >>> within = partition(6, digest="e", validation=2, held_out=3, whole=Whole("d", 10))
        >>> [[int(row) for row in part if row < 6] for part in parts] == [
        ...     part.tolist() for part in within
        ... ]
        True
    """
    if whole is not None:
        parts = partition(
            whole.images, digest=whole.digest, validation=validation, held_out=held_out
        )
        within = Partition(*(part[part < count] for part in parts))
        if not all(len(part) for part in within):
            raise DataError(
                f"of the first {count:,} of {whole.images:,} training images none are left for "
                "one of training, validation and held-out images"
            )
        return within
    kept = count - validation - held_out
    if kept < 1:
        raise DataError(
            f"{count} training images, of which {validation} validate and {held_out} are held "
            "out, leave none to train on; lower training.validation or training.held_out"
        )
    order = np.random.default_rng(seed_for("partition", digest)).permutation(count)
    return Partition(order[:kept], order[kept : kept + validation], order[kept + validation :])


def partition_by(count: int, digest: str, options: Mapping[str, Any]) -> Partition:
    """Divide a training split as the options of a cell say.

    Args:
        count: Images in the split.
        digest: Its content digest.
        options: `validation` and `held_out`; `whole`, the digest and the number of images of a
            larger split, where that is divided.
    """
    whole = options.get("whole")
    return partition(
        count,
        digest=digest,
        validation=options["validation"],
        held_out=options["held_out"],
        whole=Whole(*whole) if whole else None,
    )
