"""What the table says of each metric is true of it, and every reader has all of them."""

import numpy as np
import pytest

from ood_bench import Evaluation, metrics
from ood_bench.metrics import SPECS, STANDARD, MetricSpec, evaluate
from ood_bench.metrics.thresholds import tally
from ood_bench.report.html.matrix import detection_matrix
from ood_bench.report.measured import detection_table
from ood_bench.report.sections import found_on_pairs, measured_sections
from ood_bench.report.tidy import ordered
from ood_bench.results import Results

each = pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.name)
INSIDE, OUTSIDE = np.random.default_rng(0).normal(size=(2, 4000))


@each
def test_value_and_interval_are_those_of_the_function_of_its_name(spec: MetricSpec) -> None:
    inside, outside = INSIDE.round(1), OUTSIDE[:500].round(1) + 1
    expected = getattr(metrics, spec.name)(inside, outside)
    assert STANDARD[spec.name].value(tally(inside, outside)) == pytest.approx(expected, abs=1e-15)
    assert evaluate(inside, outside, seed=0, resamples=2)[spec.name].value == expected
    assert STANDARD[spec.name].described(spec.name) == spec


@each
def test_scores_that_say_nothing_give_what_it_is_at_chance(spec: MetricSpec) -> None:
    inside, outside = INSIDE, OUTSIDE[:1000]
    shares = {"inside": 0.8, "outside": 0.2}
    chance = shares[spec.chance] if isinstance(spec.chance, str) else spec.chance
    assert STANDARD[spec.name].value(tally(inside, outside)) == pytest.approx(chance, abs=0.03)
    assert isinstance(spec.chance, float) or spec.chance == spec.positive


@each
def test_scores_that_say_all_give_its_best_value(spec: MetricSpec) -> None:
    assert STANDARD[spec.name].value(tally([1, 2], [3, 4])) == float(spec.higher_is_better)


@each
def test_every_reader_has_it(spec: MetricSpec, results: Results) -> None:
    assert spec.name in Evaluation._fields
    (said,) = [s.conventions for s in measured_sections(results) if s.name == "detection"]
    assert f"**{spec.heading}**" in said
    assert spec.heading in " ".join(detection_table(results).headers)
    (shown,) = [
        one
        for one in detection_matrix(found_on_pairs(results), {})["metrics"]
        if one["id"] == spec.name
    ]
    assert (shown["name"], shown["chance"]) == (spec.heading, spec.chance)


def test_rows_are_in_the_order_of_the_table(results: Results) -> None:
    order = [row.metric for row in ordered(results.rows) if row.detector][: len(SPECS)]
    assert order == [spec.name for spec in SPECS]
