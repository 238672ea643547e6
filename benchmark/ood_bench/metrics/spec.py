"""The detection metrics: of each how it is computed, how it reads, and what it is at chance."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from ood_bench.metrics.intervals import (
    detection_error_interval,
    fpr95_interval,
    optimism,
    precision_interval,
)
from ood_bench.metrics.measure import Measure
from ood_bench.metrics.roc import delong
from ood_bench.metrics.thresholds import TPR, Counts, Tally, places

DetectionMetric = Literal["auroc", "aupr_out", "aupr_in", "fpr95", "detection_error"]
Side: TypeAlias = Literal["inside", "outside"]


@dataclass(frozen=True)
class Sample:
    """Scores of both sides, larger = more OOD, from which intervals are made.

    Attributes:
        inside: Scores of in-distribution images.
        outside: Scores of out-of-distribution images.
        seed: Same seed, same draws of a bootstrap.
        resamples: How many of them.
    """

    inside: ArrayLike
    outside: ArrayLike
    seed: int
    resamples: int

    @cached_property
    def _places(self) -> tuple[Counts, Counts, int]:
        return places(self.inside, self.outside)

    @cached_property
    def tally(self) -> Tally:
        """How many images of each side have each distinct score."""
        inside, outside, distinct = self._places
        return Tally(
            np.bincount(inside, minlength=distinct), np.bincount(outside, minlength=distinct)
        )

    @property
    def optimism(self) -> float:
        """By how much the least error of a sample lies below the least there is."""
        inside, outside, distinct = self._places
        return optimism(inside, outside, distinct, seed=self.seed, resamples=self.resamples)


@dataclass(frozen=True)
class MetricSpec:
    """A metric of two sides of scores; a share, from 0 to 1.

    Attributes:
        name: What suites, rows and columns call it.
        heading: What tables call it.
        positive: The side that is the positive class; None where neither is.
        higher_is_better: Whether 1 is the best value, and not 0.
        chance: What scores that say nothing give: a number, or that side's share of the images.
        says: A sentence on it, `**` around its heading; empty where another metric's tells both.
        rule: How its interval is made, in words.
        value: Its value, from the counts at each score.
        measure: Its value with an interval of a coverage.
    """

    name: DetectionMetric
    heading: str
    positive: Side | None
    higher_is_better: bool
    chance: float | Side
    says: str
    rule: str
    value: Callable[[Tally], float]
    measure: Callable[[Sample, float], Measure]


def _auroc(sample: Sample, level: float) -> Measure:
    return delong(sample.inside, sample.outside, level=level)


def _aupr_out(sample: Sample, level: float) -> Measure:
    tally = sample.tally
    return precision_interval(tally.aupr_out(), tally.outside[::-1], tally.inside[::-1], level)


def _aupr_in(sample: Sample, level: float) -> Measure:
    tally = sample.tally
    return precision_interval(tally.aupr_in(), tally.inside, tally.outside, level)


def _fpr95(sample: Sample, level: float) -> Measure:
    return fpr95_interval(sample.tally, level)


def _detection_error(sample: Sample, level: float) -> Measure:
    return detection_error_interval(sample.tally, sample.optimism, level)


SPECS: tuple[MetricSpec, ...] = (
    MetricSpec(
        name="auroc",
        heading="AUROC",
        positive="outside",
        higher_is_better=True,
        chance=0.5,
        says="**AUROC**: the share of pairs of an OOD and an in-distribution (ID) image in which "
        "the OOD image scores higher; ties count one half. An AUROC below 0.5 is shown as it is, "
        "never flipped.",
        rule="score intervals with DeLong's variance",
        value=Tally.auroc,
        measure=_auroc,
    ),
    MetricSpec(
        name="aupr_out",
        heading="AUPR-Out",
        positive="outside",
        higher_is_better=True,
        chance="outside",
        says="**AUPR-Out** has OOD as the positive class, **AUPR-In** ID. Both are average "
        "precision; random scores give the share of the positive class (the OOD share, and one "
        "minus it).",
        rule="score intervals with the jackknife's variance",
        value=Tally.aupr_out,
        measure=_aupr_out,
    ),
    MetricSpec(
        name="aupr_in",
        heading="AUPR-In",
        positive="inside",
        higher_is_better=True,
        chance="inside",
        says="",
        rule="score intervals with the jackknife's variance",
        value=Tally.aupr_in,
        measure=_aupr_in,
    ),
    MetricSpec(
        name="fpr95",
        heading="FPR@95TPR",
        positive="inside",
        higher_is_better=False,
        chance=TPR,
        says="**FPR@95TPR** has ID as the positive class: the share of OOD images accepted when "
        "95 % of ID images are.",
        rule="Wilson's intervals of the share and of the threshold",
        value=Tally.fpr95,
        measure=_fpr95,
    ),
    MetricSpec(
        name="detection_error",
        heading="Detection error",
        positive=None,
        higher_is_better=False,
        chance=0.5,
        says="**Detection error**: the smallest mean of the two error rates at any threshold.",
        rule="Wilson's intervals of both error rates, and a bootstrap's optimism",
        value=Tally.detection_error,
        measure=_detection_error,
    ),
)
"""All metrics, in the order of rows and columns."""


def spec_of(name: str) -> MetricSpec:
    """Return what there is to know of a metric.

    Raises:
        KeyError: If there is none of the name.
    """
    return {spec.name: spec for spec in SPECS}[name]  # type: ignore[index]  # any name is looked up
