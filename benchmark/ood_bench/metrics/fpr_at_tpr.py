"""False positive rate at any true positive rate."""

from ood_bench.metrics.intervals import fpr_interval
from ood_bench.metrics.measure import Measure
from ood_bench.metrics.spec import DetectionMetric, Sample
from ood_bench.metrics.thresholds import Tally


class FprAtTpr(DetectionMetric):
    """Share of OOD images accepted when a given share of in-distribution (ID) images is.

    Lower is better. ID is the positive class, as in `fpr95`, which is this one at 0.95.

    Args:
        tpr: The share of ID images that are accepted, above 0 and below 1.

    Raises:
        ValueError: If it is no such share.

    Example:
        >>> FprAtTpr(tpr=0.5)([1, 2, 3, 4], [2, 3, 4, 5]).value
        0.25
    """

    positive = "inside"
    higher_is_better = False
    rule = "Wilson's intervals of the share and of the threshold"

    def __init__(self, *, tpr: float = 0.99) -> None:
        if not 0 < tpr < 1:
            raise ValueError(f"tpr must lie between 0 and 1, got {tpr}")
        self.tpr = self.chance = tpr
        self.heading = f"FPR@{100 * tpr:g}TPR"
        self.says = (
            f"**{self.heading}** has ID as the positive class: the share of OOD images accepted "
            f"when {100 * tpr:g} % of ID images are."
        )

    def value(self, tally: Tally) -> float:
        """Return the share of outside images at the lowest threshold that accepts enough."""
        return tally.fpr(self.tpr)

    def interval(self, sample: Sample, level: float) -> Measure:
        """Return it with the interval of `fpr_interval`."""
        return fpr_interval(sample.tally, self.tpr, level)
