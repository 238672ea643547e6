"""The detection metrics as `torchmetrics.Metric`, for a validation set of OOD images."""

import math
from typing import Any

import torch
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.utilities import dim_zero_cat

from ood_bench.metrics.spec import DetectionMetric
from ood_bench.metrics.standard import STANDARD, StandardMetric
from ood_bench.metrics.thresholds import tally

__all__ = [
    "OODMetric",
]


class OODMetric(Metric):
    """A detection metric over all batches and processes, on the raw scores.

    The AUROC of torchmetrics applies a sigmoid to scores outside [0, 1], which makes all
    log-likelihoods near -7000 nats equal. This metric stores scores and labels and computes the
    exact metric of `ood_bench.metrics`. A `MetricCollection` stores them once.

    Args:
        metric: `auroc`, `aupr_out`, `aupr_in`, `fpr95` or `detection_error`; or another
            metric, such as `FprAtTpr(tpr=0.99)`.
        **settings: Arguments of `torchmetrics.Metric`.

    Raises:
        ValueError: If there is no metric with that name.

    Example:
        >>> metric = OODMetric("auroc")
        >>> metric.update(torch.tensor([-7001.0, -7000.0]), torch.tensor([0, 0]))
        >>> metric.update(torch.tensor([-7000.0, -6999.0]), torch.tensor([1, 1]))
        >>> metric.compute()
        tensor(0.8750, dtype=torch.float64)
    """

    full_state_update = False
    is_differentiable = False
    scores: list[Tensor]
    labels: list[Tensor]

    def __init__(self, metric: StandardMetric | DetectionMetric, **settings: Any) -> None:
        super().__init__(**settings)
        if not isinstance(metric, DetectionMetric):
            if metric not in STANDARD:
                known = ", ".join(STANDARD)
                raise ValueError(f"there is no metric '{metric}'; known: {known}")
            metric = STANDARD[metric]
        self.metric = metric
        self.add_state("scores", default=[], dist_reduce_fx="cat")
        self.add_state("labels", default=[], dist_reduce_fx="cat")

    @property
    def higher_is_better(self) -> bool:  # type: ignore[override]  # theirs is a constant
        """Whether 1 is the best value, otherwise 0."""
        return self.metric.higher_is_better

    def update(self, scores: Tensor, outside: Tensor) -> None:
        """Add a batch.

        Args:
            scores: One score per image, larger = more OOD: of a density, minus its `log_prob`.
                Shape `(B,)`.
            outside: 1 or true for an OOD image, 0 or false for an in-distribution one. Shape
                `(B,)`.

        Raises:
            ValueError: If the shapes differ or are not `(B,)`, or a label is neither 0 nor 1.
        """
        if scores.ndim != 1 or scores.shape != outside.shape:
            raise ValueError(
                "scores and labels of a batch are of shape (B,), got "
                f"{tuple(scores.shape)} and {tuple(outside.shape)}"
            )
        labels = outside.detach().bool()
        if not torch.equal(labels.to(outside.dtype), outside):
            raise ValueError("labels are 1 for an OOD image and 0 for an in-distribution one")
        self.scores.append(scores.detach())
        self.labels.append(labels)

    def compute(self) -> Tensor:
        """Return the metric; NaN if a side has no images, as in Lightning's sanity check.

        Raises:
            ValueError: If a score is not finite.
        """
        dtype = torch.float32 if self.device.type == "mps" else torch.float64
        value = math.nan
        if self.scores:
            scores, labels = dim_zero_cat(self.scores), dim_zero_cat(self.labels)
            if labels.any() and not labels.all():
                value = self.metric.value(tally(scores[~labels], scores[labels]))
        return torch.tensor(value, dtype=dtype, device=self.device)
