"""Detection metrics: how they are computed and described, and their value at chance."""

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
    """Scores of both sides, larger = more OOD, from which intervals are computed.

    Attributes:
        inside: Scores of in-distribution images.
        outside: Scores of out-of-distribution images.
        seed: Same seed, same bootstrap resamples.
        resamples: Number of bootstrap resamples.
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
        """Number of images of each side with each distinct score."""
        return Tally.of(*self._places)

    @property
    def optimism(self) -> float:
        """Expected amount by which the least error of a sample is below the true one."""
        inside, outside, distinct = self._places
        return optimism(inside, outside, distinct, seed=self.seed, resamples=self.resamples)

    def resampled(self, metric: "DetectionMetric") -> list[float]:
        """Return a metric on each bootstrap resample, each side resampled from itself."""
        random = np.random.Generator(np.random.PCG64(self.seed))
        inside, outside, distinct = self._places

        def drawn(side: Counts) -> Counts:
            return side[random.integers(len(side), size=len(side))]

        return [
            metric.value(Tally.of(drawn(inside), drawn(outside), distinct))
            for _ in range(self.resamples)
        ]


class DetectionMetric(ABC):
    """A metric of inside and outside scores, in [0, 1].

    It depends only on the order of the scores, which a `Tally` holds. To add one, implement
    `value`; its interval is then a bootstrap interval over the images of both sides.

    Attributes:
        revision: Raised when the value or the interval changes.
        added_options: Options that came later. At their defaults, which stay for good, they are
            left out of keys, so that older results are found again.
        heading: Its name in tables.
        positive: The side that is the positive class; None if neither is.
        higher_is_better: Whether 1 is the best value, otherwise 0.
        chance: The value of random scores: a number, or that side's share of the images.
        says: One sentence on it, with `**` around its heading; empty if that of another metric
            covers it.
        rule: The rule of its interval, in words.

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
    added_options: ClassVar[frozenset[str]] = frozenset()
    heading: str
    positive: Side | None = None
    higher_is_better: bool = True
    chance: float | Side = 0.5
    says: str = ""
    rule: str = "bootstrap percentiles"

    @abstractmethod
    def value(self, tally: Tally) -> float:
        """Return the metric from the number of images of each side with each distinct score."""

    def interval(self, sample: Sample, level: float) -> Measure:
        """Return the metric with its interval.

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
            resamples: Number of resamples, if the interval is a bootstrap interval.
            seed: Same seed, same interval, to the last bit.

        Raises:
            ValueError: If a side is empty or has a score that is not a finite real number, there
                are no resamples, or the level is not in (0, 1).
        """
        sample = Sample(inside, outside, seed, positive(resamples, "resamples"))
        return self.interval(sample, share(level, "level"))

    def described(self, name: str) -> "MetricSpec":
        """Return the description of the metric for tables and pages.

        Args:
            name: Its name in suites, rows and columns.
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
    """Description of a metric without its computation; the fields are those of the metric.

    Attributes:
        name: Its name in suites, rows and columns.
        heading: Its name in tables.
        positive: The side that is the positive class; None if neither is.
        higher_is_better: Whether 1 is the best value, otherwise 0.
        chance: The value of random scores: a number, or that side's share of the images.
        says: One sentence on it, with `**` around its heading; empty if that of another metric
            covers it.
        rule: The rule of its interval, in words.
    """

    name: str
    heading: str
    positive: Side | None
    higher_is_better: bool
    chance: float | Side
    says: str
    rule: str
