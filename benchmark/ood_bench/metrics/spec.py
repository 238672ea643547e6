"""What a detection metric is: how it is computed, how it reads, and what it is at chance."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from ood_bench.metrics.checks import positive, share
from ood_bench.metrics.intervals import optimism, percentile_interval
from ood_bench.metrics.measure import Measure
from ood_bench.metrics.thresholds import Counts, Tally, places

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
        return self._tally(*self._places)

    @property
    def optimism(self) -> float:
        """By how much the least error of a sample lies below the least there is."""
        inside, outside, distinct = self._places
        return optimism(inside, outside, distinct, seed=self.seed, resamples=self.resamples)

    def resampled(self, metric: "DetectionMetric") -> list[float]:
        """Return a metric of images drawn anew, each side from itself, once a resample."""
        random = np.random.Generator(np.random.PCG64(self.seed))
        inside, outside, distinct = self._places

        def drawn(side: Counts) -> Counts:
            return side[random.integers(len(side), size=len(side))]

        return [
            metric.value(self._tally(drawn(inside), drawn(outside), distinct))
            for _ in range(self.resamples)
        ]

    @staticmethod
    def _tally(inside: Counts, outside: Counts, distinct: int) -> Tally:
        return Tally(
            np.bincount(inside, minlength=distinct), np.bincount(outside, minlength=distinct)
        )


class DetectionMetric(ABC):
    """A metric of two sides of scores; a share, from 0 to 1.

    It depends on the order of the scores alone, which a `Tally` holds. To add one, write `value`;
    its interval is then a bootstrap's over the images of both sides.

    Attributes:
        revision: Raised when the same scores give another value or interval.
        heading: What tables call it.
        positive: The side that is the positive class; None where neither is.
        higher_is_better: Whether 1 is the best value, and not 0.
        chance: The value of random scores: a number, or that side's share of the images.
        says: A sentence on it, `**` around its heading; empty where another metric's tells both.
        rule: How its interval is made, in words.

    Example:
        >>> class Missed(DetectionMetric):
        ...     heading = "Missed"
        ...     higher_is_better = False
        ...     chance = 1.0
        ...     def value(self, tally):
        ...         below = tally.accepted_inside < tally.accepted_inside[-1]
        ...         return float(tally.outside[below].sum() / tally.outside.sum())
        >>> Missed()([1, 2, 3, 4], [3, 4, 5, 6], resamples=200).value
        0.25
    """

    revision: ClassVar[int] = 1
    heading: str
    positive: Side | None = None
    higher_is_better: bool = True
    chance: float | Side = 0.5
    says: str = ""
    rule: str = "bootstrap percentiles"

    @abstractmethod
    def value(self, tally: Tally) -> float:
        """Return the metric, from how many images of each side have each distinct score."""

    def interval(self, sample: Sample, level: float) -> Measure:
        """Return the metric with an interval of a coverage.

        Args:
            sample: The scores.
            level: Coverage of the interval.
        """
        resampled = np.array(sample.resampled(self))
        return percentile_interval(self.value(sample.tally), resampled, level=level)

    def __call__(
        self,
        inside: ArrayLike,
        outside: ArrayLike,
        *,
        level: float = 0.95,
        resamples: int = 1000,
        seed: int = 0,
    ) -> Measure:
        """Measure how well scores separate the two sides.

        Args:
            inside: Scores of in-distribution images, shape `(N,)`, larger = more OOD.
            outside: Scores of out-of-distribution images, shape `(M,)`.
            level: Coverage of the interval.
            resamples: How often images are drawn anew, where the interval is a bootstrap's.
            seed: Same seed, same interval, to the last bit.

        Raises:
            ValueError: If a side is empty or has a score that is not a finite real number, there
                are no resamples, or the level is no share.
        """
        sample = Sample(inside, outside, seed, positive(resamples, "resamples"))
        return self.interval(sample, share(level, "level"))

    def described(self, name: str) -> "MetricSpec":
        """Return what tables and pages say of it.

        Args:
            name: What suites, rows and columns call it.
        """
        return MetricSpec(
            name=name,
            heading=self.heading,
            positive=self.positive,
            higher_is_better=self.higher_is_better,
            chance=self.chance,
            says=self.says,
            rule=self.rule,
        )


@dataclass(frozen=True)
class MetricSpec:
    """How a metric reads, apart from how it is computed; its fields are those of its metric.

    Attributes:
        name: What suites, rows and columns call it.
        heading: What tables call it.
        positive: The side that is the positive class; None where neither is.
        higher_is_better: Whether 1 is the best value, and not 0.
        chance: The value of random scores: a number, or that side's share of the images.
        says: A sentence on it, `**` around its heading; empty where another metric's tells both.
        rule: How its interval is made, in words.
    """

    name: str
    heading: str
    positive: Side | None
    higher_is_better: bool
    chance: float | Side
    says: str
    rule: str
