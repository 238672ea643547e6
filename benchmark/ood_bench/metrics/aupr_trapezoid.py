"""Area under the curve of precision and recall by trapezoids."""

from typing import Literal

import numpy as np

from ood_bench.metrics.spec import DetectionMetric
from ood_bench.metrics.thresholds import Tally


class AuprTrapezoid(DetectionMetric):
    """Area under straight lines between the points of precision and recall.

    Higher is better. `aupr_out` and `aupr_in` are average precision, which draws no line between
    two thresholds; with ties, the lines give a larger value. The first point is recall 0 with
    precision 1.

    Args:
        positive: The positive class, `outside` (OOD) or `inside` (ID).

    Reference:
        Davis & Goadrich, The relationship between Precision-Recall and ROC curves, ICML 2006,
        doi:10.1145/1143844.1143874, on why the lines are too optimistic.

    Example:
        >>> round(AuprTrapezoid()([1, 2, 2, 4], [2, 3, 4, 5], resamples=100).value, 4)
        0.8006
    """

    def __init__(self, *, positive: Literal["outside", "inside"] = "outside") -> None:
        self.positive = self.chance = positive
        called = "Out" if positive == "outside" else "In"
        self.heading = f"AUPR-{called} (trapezoids)"
        of = "OOD" if positive == "outside" else "ID"
        self.says = (
            f"**{self.heading}**: the area under straight lines between the points of precision "
            f"and recall, with {of} as the positive class."
        )

    def value(self, tally: Tally) -> float:
        """Return the area."""
        own = tally.exchanged() if self.positive == "outside" else tally
        found, mistaken = own.accepted_inside, own.accepted_outside
        seen = found + mistaken > 0  # a resample may lack the first scores
        precision = found[seen] / (found + mistaken)[seen]
        recall = found[seen] / found[-1]
        return float(np.trapezoid(np.append(1.0, precision), np.append(0.0, recall)))
