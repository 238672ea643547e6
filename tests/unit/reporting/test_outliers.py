"""The failure of likelihoods without the most extreme images."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from ood_bench.analyses import Study
from ood_bench.analyses.outliers import Outliers, trimmed
from ood_bench.detectors import Scores


def with_log_prob(study: Study, **log_prob: Scores) -> Study:
    inside, *outside = log_prob
    return replace(
        study,
        inside=inside,
        outside=tuple(outside),
        columns={(name, "test"): {"log_prob": values} for name, values in log_prob.items()},
    )


def test_the_share_dropped_is_taken_at_both_ends_in_equal_parts() -> None:
    values = np.random.default_rng(0).permutation(1000).astype(np.float64)
    assert trimmed(values, 0).tolist() == list(range(1000))
    assert trimmed(values, 1).tolist() == list(range(5, 995))
    assert trimmed(values, 10).tolist() == list(range(50, 950))


@pytest.mark.parametrize("count", [1, 2, 19])
def test_a_set_too_small_for_a_whole_image_to_be_dropped_is_kept(count: int) -> None:
    assert len(trimmed(np.arange(float(count)), 10)) == count


def test_auroc_is_that_of_the_images_left_of_either_set(study: Study) -> None:
    random = np.random.default_rng(0)
    inside, outside = random.normal(0, 1, 400), random.normal(1, 3, 300)
    table = Outliers().tabulate(with_log_prob(study, a=inside, b=outside))
    left = np.r_[np.sort(inside)[20:-20], np.sort(outside)[15:-15]]
    truth = np.r_[np.zeros(360), np.ones(270)]
    (row,) = table[table["dropped"] == 0.1].to_dict("records")
    assert row["auroc"] == pytest.approx(roc_auc_score(truth, -left))
    assert (row["n_inside"], row["n_outside"]) == (360, 270)
    assert 0 < row["low"] < row["auroc"] < row["high"] < 0.5


def test_a_failure_that_a_few_images_make_goes_away_without_them(study: Study) -> None:
    random = np.random.default_rng(0)
    inside, outside = random.normal(0, 1, 1000), random.normal(-5, 0.1, 1000)
    outside[:20] = 1000.0
    found = Outliers().findings(Outliers().tabulate(with_log_prob(study, a=inside, b=outside)))
    values = [round(finding.value, 2) for finding in found]
    assert values == [0.98, 1.0, 1.0]


def test_findings_are_named_by_the_percentage_dropped(study: Study) -> None:
    table = Outliers().tabulate(study)
    found = Outliers().findings(table)
    assert [(f.name, f.outside) for f in found[:4]] == [
        ("auroc_trimmed_1", "mnist"),
        ("auroc_trimmed_5", "mnist"),
        ("auroc_trimmed_10", "mnist"),
        ("auroc_trimmed_1", "constant_0"),
    ]
    row = table.iloc[2]
    assert row["dropped"] == 0.05
    assert [found[1].value, found[1].low, found[1].high] == [row["auroc"], row["low"], row["high"]]


def test_the_figure_has_a_line_a_data_set_and_one_at_chance(study: Study) -> None:
    table = Outliers().tabulate(study)
    figure = Outliers().draw(table)
    axes = figure.axes[0]
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert [text.split()[0] for text in legend] == ["mnist", "constant_0", "uniform_noise"]
    heights = [np.asarray(line.get_ydata(), dtype=np.float64).tolist() for line in axes.lines]
    assert [0.5, 0.5] in heights
    assert table[table["outside"] == "mnist"]["auroc"].tolist() in heights
