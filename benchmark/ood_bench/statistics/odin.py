"""ODIN: the confidence of a classifier after a step towards its own decision."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import log_softmax

from ood_bench.capabilities import Classifies, named
from ood_bench.detectors import Columns
from ood_bench.float64 import in_float64
from ood_bench.statistics import Statistic
from ood_bench.statistics.batches import float_like, frozen, in_batches

TEMPERATURE = 1000.0
STEP = 0.0014
"""Both are the paper's, for images on [0, 1]; the paper tuned the step on one OOD set."""


class Odin(Statistic):
    """Largest class probability at temperature T of the image perturbed by ε.

    With S the softmax of logits / T and ŷ its largest entry, the image y = x / 255 becomes
    y − ε · sign(−∇ log S_ŷ(y)), and the column is the largest entry of S there. It is near 1/K
    for K classes, so the softmax is taken in float64. Larger means more in-distribution.

    Reference:
        Liang et al., Enhancing the Reliability of Out-of-distribution Image Detection in Neural
        Networks, ICLR 2018, arXiv:1706.02690.
    """

    columns = ("odin",)
    requires = Classifies

    def compute(self, images: NDArray[np.uint8], model: object) -> Columns:
        """Return `odin` of each image."""
        classifier: Classifies = named(model, Classifies)

        def confidence(x: Tensor) -> dict[str, Tensor]:
            y = (float_like(model, x) / 255.0).requires_grad_()
            likeliest = log_probabilities(classifier.classify(y).logits).amax(dim=1)
            # The division by T would round gradients near zero to 0; times T they keep their signs.
            (gradient,) = torch.autograd.grad(TEMPERATURE * likeliest.sum(), y)
            with torch.no_grad():
                moved = y + STEP * gradient.sign()
                logits = classifier.classify(moved).logits
                return {"odin": log_probabilities(logits).amax(dim=1).exp()}

        with frozen(model):
            return in_batches(images, model, confidence, gradients=True)


def log_probabilities(logits: Tensor) -> Tensor:
    """Return the log-softmax of logits / T in float64."""
    return log_softmax(in_float64(logits) / TEMPERATURE, dim=1)
