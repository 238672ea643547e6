"""Logits and features of a classifier."""

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ood_bench.capabilities import Classifies, named
from ood_bench.detectors import Columns
from ood_bench.statistics import Statistic
from ood_bench.statistics.batches import float_like, in_batches


class ClassificationTerms(Statistic):
    """Logits and features of a classifier at y = x / 255, one column per entry."""

    columns = ("logits.*", "features.*")
    requires = Classifies

    def compute(self, images: NDArray[np.uint8], model: object) -> Columns:
        """Return `logits.0` to `logits.<K−1>` and `features.0` to `features.<F−1>`."""
        classifier: Classifies = named(model, Classifies)

        def terms(x: Tensor) -> dict[str, Tensor]:
            found = classifier.classify(float_like(model, x) / 255.0)._asdict()
            return {
                f"{name}.{number}": column
                for name, table in found.items()
                for number, column in enumerate(table.unbind(dim=1))
            }

        return in_batches(images, model, terms)
