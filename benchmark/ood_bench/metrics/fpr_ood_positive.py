"""False positive rate with out-of-distribution images as the positive class."""

from ood_bench.metrics.intervals import fpr_interval
from ood_bench.metrics.measure import Measure
from ood_bench.metrics.spec import DetectionMetric, Sample
from ood_bench.metrics.thresholds import TPR, Tally


class FprOodPositive(DetectionMetric):
    """Share of in-distribution (ID) images flagged when a given share of OOD images is.

    Lower is better. OOD is the positive class; `fpr95` and `fpr_at_tpr` have ID as the positive
    class, and their values may be very different ones.

    Args:
        tpr: The share of OOD images that are flagged, above 0 and below 1.

    Raises:
        ValueError: If it is no such share.

    Example:
        >>> FprOodPositive(tpr=0.5)([1, 2, 3, 4], [2, 3, 4, 5]).value
        0.25
        >>> FprOodPositive(tpr=0.75)([1, 2, 3, 4], [2, 3, 4, 5]).value
        0.5
    """

    positive = "outside"
    higher_is_better = False
    rule = "Wilson's intervals of the share and of the threshold"

    def __init__(self, *, tpr: float = TPR) -> None:
        if not 0 < tpr < 1:
            raise ValueError(f"tpr must lie between 0 and 1, got {tpr}")
        self.tpr = self.chance = tpr
        self.heading = f"FPR@{100 * tpr:g}TPR (OOD positive)"
        self.says = (
            f"**{self.heading}**: the share of ID images flagged as OOD when {100 * tpr:g} % of "
            "OOD images are."
        )

    def value(self, tally: Tally) -> float:
        """Return the share of inside images at the highest threshold that flags enough."""
        return tally.exchanged().fpr(self.tpr)

    def interval(self, sample: Sample, level: float) -> Measure:
        """Return it with the interval of `fpr_interval`."""
        return fpr_interval(sample.tally.exchanged(), self.tpr, level)
