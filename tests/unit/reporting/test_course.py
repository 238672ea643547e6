"""The course of training: gaps, crossings, and what is said of them."""

import io
from dataclasses import replace

import pandas as pd
import pytest

from ood_bench.analyses import Study
from ood_bench.analyses.course import Course


def course(outside: list[float], *, error: float = 0.01) -> pd.DataFrame:
    """Return the probes of a training in which the inside falls from 8 to 3 bits."""
    inside = [8.0, 6.0, 4.0, 3.0]
    return pd.DataFrame(
        [
            {"step": step, "data": data, "bits_per_dim": bits, "error": error, "images": 50}
            for data, line in (
                ("fashion_mnist/train", inside),
                ("fashion_mnist/test", inside),
                ("mnist/test", outside),
            )
            for step, bits in zip((0, 1, 10, 100), line, strict=True)
        ]
    )


def found(study: Study, outside: list[float], *, error: float = 0.01) -> dict[str, float]:
    analysis = Course()
    table = analysis.tabulate(replace(study, course=course(outside, error=error)))
    return {finding.name: finding.value for finding in analysis.findings(table)}


def test_a_line_that_stays_below_has_no_crossing(study: Study) -> None:
    measured = found(study, [7.0, 5.0, 2.0, 1.5])
    assert measured == {
        "crossings": 0.0,
        "largest_gap_bpd": pytest.approx(-1.5),
        "last_gap_bpd": pytest.approx(-1.5),
    }


def test_a_crossing_counts_only_beyond_the_errors(study: Study) -> None:
    assert found(study, [9.0, 5.0, 5.0, 2.0])["crossings"] == 3
    assert found(study, [9.0, 5.0, 5.0, 2.0], error=1.0)["crossings"] == 0


def test_the_gap_early_in_training_is_no_finding(study: Study) -> None:
    assert found(study, [20.0, 20.0, 4.5, 2.0])["largest_gap_bpd"] == pytest.approx(0.5)
    assert found(study, [20.0, 20.0, 3.5, 2.0])["largest_gap_bpd"] == pytest.approx(-0.5)


def test_the_caption_names_the_step_of_a_crossing(study: Study) -> None:
    analysis = Course()
    table = analysis.tabulate(replace(study, course=course([9.0, 5.0, 2.0, 1.0])))
    assert "mnist at step 1." in analysis.caption(table)
    analysis.draw(table).savefig(io.BytesIO(), format="png", dpi=40)


def test_a_line_far_above_does_not_stretch_the_axis_and_the_legend_says_so(study: Study) -> None:
    analysis = Course()
    table = analysis.tabulate(replace(study, course=course([40.0, 30.0, 28.5, 700.0])))
    figure = analysis.draw(table)
    (axes,) = figure.axes
    assert axes.get_ylim()[1] < 8.5
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels[-1] == "mnist (test)\nall beyond the axis, from 28.5"
    near = analysis.draw(analysis.tabulate(replace(study, course=course([9.0, 5.0, 2.0, 1.0]))))
    assert near.axes[0].get_ylim()[0] < 1.0
    assert [text.get_text() for text in near.legends[0].get_texts()][-1] == (
        "mnist (test)\n1 of 4 probes beyond the axis"
    )


def test_a_study_without_a_course_is_refused(study: Study) -> None:
    with pytest.raises(ValueError, match="no course"):
        Course().tabulate(study)
