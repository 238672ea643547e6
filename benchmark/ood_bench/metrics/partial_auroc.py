"""AUROC over the thresholds that accept most in-distribution images."""

import numpy as np

from ood_bench.metrics.spec import DetectionMetric
from ood_bench.metrics.thresholds import Tally


class PartialAuroc(DetectionMetric):
    r"""Area under the ROC curve up to a false positive rate, standardised to chance at 0.5.

    OOD is the positive class: the false positive rate is the share of in-distribution (ID)
    images that are flagged. With $A$ the area up to a rate of $f$, it is
    $\frac12 \left(1 + \frac{A - f^2/2}{f - f^2/2}\right)$. Higher is better; with $f = 1$ it is
    AUROC.

    Args:
        max_fpr: The largest share $f$ of ID images flagged, above 0 and at most 1.

    Raises:
        ValueError: If it is no such share.

    Reference:
        McClish, Analyzing a portion of the ROC curve, Medical Decision Making 1989,
        doi:10.1177/0272989X8900900307;
        `sklearn.metrics.roc_auc_score` has the same with its own `max_fpr`.

    Example:
        >>> metric = PartialAuroc(max_fpr=0.5)
        >>> round(metric([1, 2, 3, 4], [2, 3, 4, 5], resamples=100).value, 4)
        0.6667
    """

    positive = "outside"

    def __init__(self, *, max_fpr: float = 0.1) -> None:
        if not 0 < max_fpr <= 1:
            raise ValueError(f"max_fpr must lie above 0 and be at most 1, got {max_fpr}")
        self.max_fpr = max_fpr
        self.heading = f"AUROC to {100 * max_fpr:g} % FPR"
        self.says = (
            f"**{self.heading}**: the area under the ROC curve up to {100 * max_fpr:g} % of ID "
            "images flagged, with OOD as the positive class, standardised so that chance is 0.5."
        )

    def value(self, tally: Tally) -> float:
        """Return the standardised area, ties and the last step on straight lines."""
        flagged = np.concatenate([[0], np.cumsum(tally.inside[::-1])]) / tally.inside.sum()
        found = np.concatenate([[0], np.cumsum(tally.outside[::-1])]) / tally.outside.sum()
        within = flagged < self.max_fpr
        x = np.append(flagged[within], self.max_fpr)
        y = np.append(found[within], _at(self.max_fpr, flagged, found))
        area, most = float(np.trapezoid(y, x)), self.max_fpr
        least = most * most / 2
        return (1 + (area - least) / (most - least)) / 2


def _at(x: float, xs: np.ndarray, ys: np.ndarray) -> float:
    """Return the curve at x; where it rises straight up there, its lower end."""
    after = int(np.searchsorted(xs, x, side="left"))
    if xs[after] == x:
        return float(ys[after])
    x0, x1, y0, y1 = xs[after - 1], xs[after], ys[after - 1], ys[after]
    return float(y0 + (y1 - y0) * (x - x0) / (x1 - x0))
