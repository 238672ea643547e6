"""Training and validation batches as slices of one tensor: no loader, no workers, no state."""

from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor

from ood_bench.hashing import seed_for
from ood_bench.lit.module import Batch


class Batches:
    """An infinite stream of training batches; batch k depends only on the seed and k.

    Each epoch is a new permutation of the images, without an incomplete last batch.

    Args:
        images: All images, shape `(N, C, H, W)`.
        size: Images per batch; all images if there are fewer.
        seed: Seed of the permutations.
        first: Returns the index of the first batch when iteration starts.
        labels: Classes of the images, shape `(N,)`, which then are part of the batches.
    """

    def __init__(
        self,
        images: Tensor,
        size: int,
        *,
        seed: int,
        first: Callable[[], int],
        labels: Tensor | None = None,
    ) -> None:
        self.images = images
        self.labels = labels
        self.size = min(size, len(images))
        self.seed = seed
        self.first = first

    def epoch(self, number: int) -> Tensor:
        """Return the order of the images in an epoch."""
        generator = np.random.default_rng(seed_for("batches", self.seed, number))
        return torch.from_numpy(generator.permutation(len(self.images))).to(self.images.device)

    def __iter__(self) -> Iterator[Batch]:
        """Yield batches from `first()` on."""
        per_epoch = len(self.images) // self.size
        number, skip = divmod(self.first(), per_epoch)
        while True:
            order = self.epoch(number)
            for start in range(skip * self.size, per_epoch * self.size, self.size):
                rows = order[start : start + self.size]
                images = self.images[rows]
                yield images if self.labels is None else (images, self.labels[rows])
            number, skip = number + 1, 0


class Slices:
    """All images once, in order, with their labels if given; the last batch may be smaller."""

    def __init__(self, images: Tensor, size: int, labels: Tensor | None = None) -> None:
        parts = torch.split(images, size)
        self.batches: tuple[Batch, ...] = parts
        if labels is not None:
            self.batches = tuple(zip(parts, torch.split(labels, size), strict=True))

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Iterator[Batch]:
        """Yield the batches."""
        return iter(self.batches)
