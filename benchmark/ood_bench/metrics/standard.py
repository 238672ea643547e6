"""The detection metrics that every run measures."""

from collections.abc import Mapping
from typing import Literal

from ood_bench.metrics.fpr_at_tpr import FprAtTpr
from ood_bench.metrics.intervals import detection_error_interval, precision_interval
from ood_bench.metrics.measure import Measure
from ood_bench.metrics.roc import delong
from ood_bench.metrics.spec import DetectionMetric, MetricSpec, Sample
from ood_bench.metrics.thresholds import TPR, Tally

StandardMetric = Literal["auroc", "aupr_out", "aupr_in", "fpr95", "detection_error"]


class Auroc(DetectionMetric):
    """Area under the ROC curve, with DeLong's variance."""

    heading = "AUROC"
    positive = "outside"
    says = (
        "**AUROC**: the share of pairs of an OOD and an in-distribution (ID) image in which "
        "the OOD image scores higher; ties count one half. An AUROC below 0.5 is shown as it is, "
        "never flipped."
    )
    rule = "score intervals with DeLong's variance"

    def value(self, tally: Tally) -> float:
        """Return the probability that an outside image scores above an inside one, ties half."""
        return tally.auroc()

    def interval(self, sample: Sample, level: float) -> Measure:
        """Return it with the interval of `delong`."""
        return delong(sample.inside, sample.outside, level=level)


class AuprOut(DetectionMetric):
    """Average precision with outside images as positives."""

    heading = "AUPR-Out"
    positive = "outside"
    chance = "outside"
    says = (
        "**AUPR-Out** has OOD as the positive class, **AUPR-In** ID. Both are average "
        "precision; random scores give the share of the positive class (the OOD share, and one "
        "minus it)."
    )
    rule = "score intervals with the jackknife's variance"

    def value(self, tally: Tally) -> float:
        """Return the average precision."""
        return tally.aupr_out()

    def interval(self, sample: Sample, level: float) -> Measure:
        """Return it with the interval of `precision_interval`."""
        tally = sample.tally
        return precision_interval(self.value(tally), tally.outside[::-1], tally.inside[::-1], level)


class AuprIn(DetectionMetric):
    """Average precision with inside images as positives."""

    heading = "AUPR-In"
    positive = "inside"
    chance = "inside"
    rule = AuprOut.rule

    def value(self, tally: Tally) -> float:
        """Return the average precision."""
        return tally.aupr_in()

    def interval(self, sample: Sample, level: float) -> Measure:
        """Return it with the interval of `precision_interval`."""
        tally = sample.tally
        return precision_interval(self.value(tally), tally.inside, tally.outside, level)


class DetectionError(DetectionMetric):
    """Least mean of the two error rates over all thresholds."""

    heading = "Detection error"
    higher_is_better = False
    says = "**Detection error**: the smallest mean of the two error rates at any threshold."
    rule = "Wilson's intervals of both error rates, and a bootstrap's optimism"

    def value(self, tally: Tally) -> float:
        """Return the least mean of both error rates."""
        return tally.detection_error()

    def interval(self, sample: Sample, level: float) -> Measure:
        """Return it with the interval of `detection_error_interval`."""
        return detection_error_interval(sample.tally, sample.optimism, level)


STANDARD: Mapping[str, DetectionMetric] = {
    "auroc": Auroc(),
    "aupr_out": AuprOut(),
    "aupr_in": AuprIn(),
    "fpr95": FprAtTpr(tpr=TPR),
    "detection_error": DetectionError(),
}
"""The standard metrics by name, in the order of rows and columns."""

SPECS: tuple[MetricSpec, ...] = tuple(metric.described(name) for name, metric in STANDARD.items())
"""Their descriptions, in the same order."""
