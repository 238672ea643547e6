"""Published values in a report: the range of a cell, where the measured one lies, the sources."""

import json
from dataclasses import replace

import pytest

from ood_bench.report.compose import run_document
from ood_bench.report.published import published_table, sources_table
from ood_bench.report.tidy import json_text
from ood_bench.results import CategoryMean, PublishedAuroc, Ranking, Results

PAIR = ("fashion_mnist_20k", "mnist_20k")


def quoting(results: Results, *quotations: PublishedAuroc) -> Results:
    return replace(results, ranking=Ranking("likelihood", {}, (), (), quotations))


def value(auroc: float, **changes: object) -> PublishedAuroc:
    published = PublishedAuroc("likelihood", *PAIR, (auroc,), "a paper, table 1", models=("glow",))
    return replace(published, **changes)  # type: ignore[arg-type]  # names of fields in the calls


@pytest.mark.parametrize(
    ("others", "shown"),
    [
        ((0.08, 0.3), ("0.080 to 0.300", "0.220", "2", "one training inside")),
        ((0.3, 0.7, 0.5), ("0.300 to 0.700", "0.400", "3", "one training below")),
        ((0.08, 0.1), ("0.080 to 0.100", "0.020", "2", "one training above")),
        ((0.16,), ("0.160", "–", "1", "one training inside")),
        ((0.166,), ("0.166", "–", "1", "one training below")),
        ((0.17,), ("0.170", "–", "1", "one training inside")),
    ],
)
def test_a_cell_shows_the_published_spread_and_where_the_measured_interval_lies(
    results: Results, others: tuple[float, ...], shown: tuple[str, ...]
) -> None:
    """The measured interval is [0.155, 0.165]."""
    (row,) = published_table(quoting(results, *map(value, others))).rows
    assert row[0].startswith("glow")
    assert row[1] == "fashion_mnist_20k → mnist_20k"
    assert row[5:] == shown


def test_a_value_is_shown_beside_the_models_that_it_is_of(results: Results) -> None:
    both = quoting(results, value(0.2, models=None))
    assert [row[0][:4] for row in published_table(both).rows] == ["glow", "cv_g"]
    other = quoting(results, value(0.2, models=("vae",)))
    assert not published_table(other).rows
    assert not sources_table(other).rows


def test_a_mean_over_a_category_stands_beside_the_measured_one_if_no_set_is_missing(
    results: Results,
) -> None:
    mean = CategoryMean(
        "quickstart",
        "glow",
        PAIR[0],
        "likelihood",
        "near",
        0.5,
        0.45,
        0.55,
        2,
        2,
        "2 trainings",
        "",
    )
    published = value(0.6, outside="", category="near")
    run = replace(quoting(results, published), category_means=(mean,))
    (row,) = published_table(run).rows
    assert row[1] == "fashion_mnist_20k → near-OOD"
    assert row[3:] == (
        "0.500 [0.450, 0.550]", "2 trainings", "0.600", "–", "1", "below",
    )  # fmt: skip
    assert sources_table(run).rows[0][1] == "fashion_mnist_20k → near-OOD"
    partly = replace(run, category_means=(replace(mean, sets=1),))
    assert not published_table(partly).rows


@pytest.mark.parametrize(("tuned", "shown"), [(None, "–"), (False, "no"), (True, "yes")])
def test_each_value_stands_alone_with_who_ran_it(
    results: Results, tuned: bool | None, shown: str
) -> None:
    run = quoting(results, value(0.2, by="authors"), value(0.3, tuned_on_ood=tuned, by="re-run"))
    first, second = sources_table(run).rows
    assert first[2:] == ("0.2", "authors", "–", "a paper, table 1", "–")
    assert second[2:] == ("0.3", "re-run", shown, "a paper, table 1", "–")
    names = [section.name for section in run_document(run).sections]
    assert names.index("sources") == names.index("quoted") + 1
    content = json.loads(json_text(run_document(run)))
    assert [one["by"] for one in content["comparison"]["quotations"]] == ["authors", "re-run"]
