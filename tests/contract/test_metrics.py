"""Every registered metric obeys the contract, and the contract catches mistakes."""

import pytest

from ood_bench.errors import PluginError
from ood_bench.metrics import STANDARD, DetectionMetric, Measure, Sample, Tally
from ood_bench.registry import Registry
from ood_bench.testing import METRIC_LAWS, Law, MetricSubject

LAWS = {law.name: law for law in METRIC_LAWS}


@pytest.mark.parametrize("law", [pytest.param(law, id=law.name) for law in METRIC_LAWS])
@pytest.mark.parametrize("name", Registry().names("metrics"))
def test_every_registered_metric_obeys(name: str, law: Law[MetricSubject]) -> None:
    law.hold(MetricSubject.of(name))


@pytest.mark.parametrize("law", [pytest.param(law, id=law.name) for law in METRIC_LAWS])
@pytest.mark.parametrize("name", STANDARD)
def test_every_standard_metric_obeys(name: str, law: Law[MetricSubject]) -> None:
    law.hold(MetricSubject.of(type(STANDARD[name])))


class Good(DetectionMetric):
    heading = "Good"

    def value(self, tally: Tally) -> float:
        return tally.auroc()


class NoHeading(Good):
    heading = ""


class Negative(Good):
    def value(self, tally: Tally) -> float:
        return 2 * tally.auroc() - 1


class WrongWayRound(Good):
    higher_is_better = False


class WrongChance(Good):
    chance = "outside"


class ForgetsTheSeed(Good):
    calls = 0

    def interval(self, sample: Sample, level: float) -> Measure:
        type(self).calls += 1
        found = super().interval(sample, level)
        return Measure(found.value, found.low * 0.9**self.calls, found.high)


@pytest.mark.parametrize(
    ("kind", "law"),
    [
        (NoHeading, "it_says_how_it_reads"),
        (Negative, "it_is_a_share_of_any_scores"),
        (WrongWayRound, "scores_that_separate_all_images_give_its_best_value"),
        (WrongChance, "random_scores_give_its_value_at_chance"),
        (ForgetsTheSeed, "its_interval_holds_its_value_and_is_the_same_again"),
    ],
)
def test_each_law_catches_a_metric_that_breaks_it(kind: type[Good], law: str) -> None:
    assert LAWS[law].judge(MetricSubject.of(Good)).outcome == "passed"
    assert LAWS[law].judge(MetricSubject.of(kind)).outcome == "failed"


def test_what_is_no_metric_is_told_what_to_derive_from() -> None:
    with pytest.raises(PluginError, match="derive it from ood_bench.metrics.DetectionMetric"):
        MetricSubject.of("pathlib:Path")
