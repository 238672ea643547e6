"""The contract of a detection metric: all its laws, for pytest and without it."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ood_bench.detectors import Scores
from ood_bench.metrics import DetectionMetric
from ood_bench.metrics.thresholds import tally
from ood_bench.testing.law import Law, Verdict, add_tests, require
from ood_bench.testing.plugin_subject import PluginSubject

CLOSE = 0.05
"""Maximum distance of a metric from its value at chance, on a few thousand random scores."""


@dataclass(frozen=True)
class MetricSubject(PluginSubject[DetectionMetric]):
    """A metric to test, with its options."""

    plugins, parent = "metrics", DetectionMetric
    package, writes = "ood_bench.metrics", "heading and value"


def it_says_how_it_reads(subject: MetricSubject) -> str:
    """It states its heading, its positive class, which direction is better, and its chance."""
    metric = subject.build()
    heading = getattr(metric, "heading", None)
    require(isinstance(heading, str) and heading, f"heading is {heading!r}, not a text")
    require(
        metric.positive in ("inside", "outside", None),
        f"positive is {metric.positive!r}; it is 'inside', 'outside' or None",
    )
    require(
        isinstance(metric.higher_is_better, bool),
        f"higher_is_better is {metric.higher_is_better!r}, not True or False",
    )
    share = isinstance(metric.chance, int | float) and 0 <= metric.chance <= 1
    require(
        share or metric.chance in ("inside", "outside"),
        f"chance is {metric.chance!r}; it is a number from 0 to 1, 'inside' or 'outside'",
    )
    return f"tables call it '{heading}'"


def it_is_a_share_of_any_scores(subject: MetricSubject) -> None:
    """For few or many images, with ties and without, it is a number from 0 to 1."""
    metric = subject.build()
    for inside, outside in _samples():
        value = metric.value(tally(inside, outside))
        require(
            isinstance(value, int | float) and 0 <= value <= 1,
            f"it is {value!r} for {len(inside)} ID and {len(outside)} OOD images",
        )


def scores_that_separate_all_images_give_its_best_value(subject: MetricSubject) -> None:
    """If every OOD image scores higher than every ID image, it is 1, or 0 if lower is better."""
    metric = subject.build()
    best = 1.0 if metric.higher_is_better else 0.0
    value = metric.value(tally(np.arange(200.0), np.arange(200.0, 300.0)))
    require(abs(value - best) < 1e-9, f"it is {value} and not {best}")


def random_scores_give_its_value_at_chance(subject: MetricSubject) -> None:
    """For random scores it is near the value that it states as chance."""
    metric = subject.build()
    random = np.random.default_rng(0)
    inside, outside = random.normal(size=6000), random.normal(size=4000)
    shares = {"inside": 0.6, "outside": 0.4}
    chance = shares[metric.chance] if isinstance(metric.chance, str) else metric.chance
    value = metric.value(tally(inside, outside))
    require(abs(value - chance) < CLOSE, f"it is {value:.3f} and not about {chance:g}")


def its_interval_holds_its_value_and_is_the_same_again(subject: MetricSubject) -> None:
    """The interval lies in [0, 1], contains the value, and is the same for the same seed."""
    metric = subject.build()
    for inside, outside in _samples():
        found = metric(inside, outside, resamples=50)
        require(
            0 <= found.low <= found.value <= found.high <= 1,
            f"its interval is [{found.low}, {found.high}] around {found.value}",
        )
        value = metric.value(tally(inside, outside))
        require(abs(found.value - value) < 1e-12, f"interval says {found.value}, value {value}")
        again = subject.build()(inside, outside, resamples=50)
        require(again == found, f"the same seed gives {tuple(found)} and then {tuple(again)}")


def _samples() -> Iterator[tuple[Scores, Scores]]:
    random = np.random.default_rng(1)
    for n, m, digits in ((1, 1, 1), (2, 30, 0), (500, 70, 1), (300, 400, 12)):
        lower, higher = (
            random.normal(size=n).round(digits),
            random.normal(1, 2, size=m).round(digits),
        )
        yield lower, higher
        yield higher, lower


METRIC_LAWS: tuple[Law[MetricSubject], ...] = (
    Law(it_says_how_it_reads, "set heading, positive, higher_is_better and chance on the class"),
    Law(
        it_is_a_share_of_any_scores,
        "divide by the number of images or pairs; a side may have one image, and all may be tied",
    ),
    Law(
        scores_that_separate_all_images_give_its_best_value,
        "larger scores are more OOD; check the direction, and higher_is_better",
    ),
    Law(
        random_scores_give_its_value_at_chance,
        "set chance to what random scores give; 'outside' stands for the share of OOD images",
    ),
    Law(
        its_interval_holds_its_value_and_is_the_same_again,
        "leave `interval` to the base class, or return the same value as `value` and draw from "
        "sample.seed alone",
    ),
)


class MetricContract:
    """Base class of a pytest class that holds a metric to every law, one test a law.

    Attributes:
        metric: The metric's class, or its name as a suite's `use` gives it.
        options: Options of its constructor.

    Example:
        >>> class TestFpr(MetricContract):
        ...     metric = "fpr_at_tpr"
        >>> TestFpr().test_it_is_a_share_of_any_scores()
    """

    metric: ClassVar[type[Any] | str]
    options: ClassVar[Mapping[str, Any]] = {}

    @classmethod
    def subject(cls) -> MetricSubject:
        """Return the metric as the subject of its laws.

        Raises:
            PluginError: If it cannot be loaded, is no metric, or refuses its options.
        """
        return MetricSubject.of(cls.metric, cls.options)


add_tests(MetricContract, METRIC_LAWS)


def check_metric(subject: MetricSubject) -> Iterable[Verdict]:
    """Yield a verdict for every law as it is reached.

    Example:
        >>> {verdict.outcome for verdict in check_metric(MetricSubject.of("partial_auroc"))}
        {'passed'}
    """
    for law in METRIC_LAWS:
        yield law.judge(subject)
