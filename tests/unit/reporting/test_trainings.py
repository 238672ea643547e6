"""What is of one training says so beside its interval, in every format."""

import csv
import io
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from ood_bench.report import run_document, terminal_table, write_report, write_run_comparison
from ood_bench.report.findings import findings_table
from ood_bench.report.html import html
from ood_bench.report.html.matrix import detection_matrix
from ood_bench.report.latex import latex
from ood_bench.report.markdown import markdown as written
from ood_bench.report.measured import bits_table, detection_table
from ood_bench.report.provenance import claims_table
from ood_bench.report.published import published_table
from ood_bench.report.ranking import boards, difference_table, ranking_table
from ood_bench.report.run_comparison import auroc_table, compared_claims_table, run_comparison_note
from ood_bench.report.sections import found_on_pairs, measured_sections
from ood_bench.report.texttable import TextTable
from ood_bench.report.tidy import csv_text, json_text
from ood_bench.results import (
    ComparedClaim,
    ComparedRow,
    Difference,
    PublishedAuroc,
    Ranking,
    Results,
    Row,
    RunComparison,
)

ONE = "one training"
COVERS = "another training of the same model may lie"
TESTED = "it says nothing about other trainings of them"


@pytest.fixture
def compared(results: Results) -> Results:
    pair = ("fashion_mnist_20k", "mnist_20k")
    return replace(
        results,
        ranking=Ranking(
            baseline="likelihood",
            uses={},
            differences=(
                Difference("glow", *pair, "input_complexity", 0.7, 0.6, 0.8, 0.0, 0.0, ONE),
            ),
            costs=(),
            quotations=(PublishedAuroc("likelihood", *pair, (0.08,), "a paper"),),
        ),
    )


def of_several(results: Results) -> Results:
    """Return the same results as of two trainings."""
    rows = list[Row]()
    for row in results.rows:
        note = row.note if row.seed != "all" else row.note.replace(ONE, "2 seeds, sd 0.0100")
        rows.append(replace(row, note=note))
        if row.seed == "0":
            rows.append(replace(row, seed="1", value=row.value + 0.02))
    two = "2 trainings"
    compared = results.ranking
    assert compared is not None
    return replace(
        results,
        rows=tuple(rows),
        claims=tuple(replace(claim, trainings=claim.trainings and two) for claim in results.claims),
        findings=tuple(replace(found, trainings=two) for found in results.findings),
        ranking=replace(
            compared,
            differences=tuple(replace(item, trainings=two) for item in compared.differences),
        ),
    )


def markdown(results: Results) -> str:
    return written(run_document(results))


def beside(table: TextTable) -> list[str]:
    """Return what stands in the column after each interval."""
    column = table.headers.index("Trainings")
    return [row[column] for row in table.rows if "[" in "".join(row)]


TABLES: dict[str, Callable[[Results], TextTable]] = {
    "detection": detection_table,
    "bits": bits_table,
    "terminal": terminal_table,
    "claims": claims_table,
    "differences": difference_table,
    "quoted": published_table,
    "findings": lambda results: findings_table(results.findings),
}


@pytest.mark.parametrize("name", TABLES)
def test_the_column_after_an_interval_says_of_how_many_trainings_it_is(
    compared: Results, name: str
) -> None:
    table = TABLES[name](compared)
    intervals = {i for row in table.rows for i, cell in enumerate(row) if "[" in cell}
    assert table.headers.index("Trainings") == max(intervals) + 1
    assert beside(table)
    assert set(beside(table)) == {ONE}
    several = beside(TABLES[name](of_several(compared)))
    assert several
    assert not [cell for cell in several if ONE in cell]


def test_detectors_side_by_side_say_so_too(compared: Results) -> None:
    several = of_several(compared)
    tables = [ranking_table(run, *boards(run)) for run in (compared, several)]
    column = tables[0].headers.index("Trainings")
    assert [{row[column] for row in table.rows} for table in tables] == [{ONE}, {"2 trainings"}]


def test_the_captions_say_what_the_interval_of_one_training_covers(compared: Results) -> None:
    captions = {section.name: section.conventions for section in measured_sections(compared)}
    for name in ("detection", "bits", "quoted"):
        assert COVERS in captions[name]
    for name in ("compared", "differences"):
        assert TESTED in captions[name]
    assert "its interval does not cover other trainings of the model" in captions["claims"]
    (note,) = findings_table(compared.findings).footnotes
    assert note.startswith("One training: intervals cover the choice of images, not other")


def test_every_row_of_the_csv_and_of_the_json_says_so(compared: Results) -> None:
    rows = list(csv.DictReader(io.StringIO(csv_text(run_document(compared)))))
    assert all(row["note"].endswith(ONE) for row in rows)
    content = json.loads(json_text(run_document(compared)))
    assert all(row["note"].endswith(ONE) for row in content["rows"])
    assert all(row["trainings"] == ONE for row in content["findings"])
    assert content["claims"][0]["trainings"] == ONE
    assert content["comparison"]["differences"][0]["trainings"] == ONE


def test_every_file_of_a_report_says_so(compared: Results, tmp_path: Path) -> None:
    bare = replace(compared, analyses=(), ranking=None)
    write_report(bare, tmp_path, format="markdown", analyses={})
    for name in ("results", "findings"):
        rows = list(csv.DictReader(io.StringIO((tmp_path / f"tables/{name}.csv").read_text())))
        assert rows
        assert all(ONE in (row.get("trainings") or row["note"]) for row in rows)


def test_no_verdict_of_one_training_speaks_of_the_model(compared: Results) -> None:
    page = markdown(compared)
    assert "| reproduced by one training |" in page
    assert "| reproduced |" not in page
    assert "Of 2 claims: 1 reproduced, 1 not run, each by one training." in page
    assert "; one training of each model." in page
    verdict = published_table(compared).rows[0][-1]
    assert verdict == "one training above"
    several = markdown(of_several(compared))
    assert "| reproduced |" in several
    assert ONE not in several.split("## Detection")[0].split("A claim counts")[0]
    assert published_table(of_several(compared)).rows[0][-1] == "above"


def test_the_html_report_says_so_beside_claims_and_in_the_matrix(compared: Results) -> None:
    page = html(run_document(compared))
    assert 'class="verdict reproduced">reproduced by one training<' in page
    assert '<p class="small">one training</p>' in page
    assert "claims reproduced by one training" in page
    assert "Interval: that of its one term" in page
    cells = [
        cell
        for row in detection_matrix(found_on_pairs(compared), {})["rows"]
        for cell in row["cells"]
    ]
    assert {cell["trainings"] for cell in cells if "values" in cell} == {ONE}
    assert "cell.trainings" in page


def test_the_latex_tables_say_so(compared: Results) -> None:
    files = latex(run_document(compared))
    for name in ("detection", "bits", "claims", "differences", "quoted", "compared"):
        assert ONE in files[f"tables/{name}.tex"]


def test_a_comparison_of_runs_says_so_of_each(tmp_path: Path) -> None:
    def row(run: str, trained: str) -> ComparedRow:
        return ComparedRow(
            "m", "i", "o", "d", run, 0.6, 0.5, 0.7, 9, 9, 0.1, 0.05, 0.15, 0.01, 0.01,
            trainings=trained,
        )  # fmt: skip

    def claim(run: str, trained: str) -> ComparedClaim:
        return ComparedClaim("C", "says", run, "reproduced", 0.6, 0.5, 0.7, trained)

    both = (("first", ONE), ("other", "3 trainings"))
    found = RunComparison(
        ("first", "other"), 0.95, tuple(row(*r) for r in both), tuple(claim(*r) for r in both), ()
    )
    ((*_, first, other, _, _),) = auroc_table(found).rows
    assert first == "0.600 [0.500, 0.700], one training"
    assert other == "0.600 [0.500, 0.700], 3 trainings"
    ((_, one, three),) = compared_claims_table(found).rows
    assert one == "reproduced by one training: 0.600 [0.500, 0.700]"
    assert three == "reproduced: 0.600 [0.500, 0.700]"
    assert TESTED in run_comparison_note(found)
    page = write_run_comparison(found, tmp_path, format="markdown").read_text()
    assert "| 0.600 [0.500, 0.700], one training |" in page
    rows = list(
        csv.DictReader(io.StringIO(write_run_comparison(found, tmp_path, format="csv").read_text()))
    )
    assert [item["trainings"] for item in rows] == [ONE, "3 trainings"]
    content = json.loads(write_run_comparison(found, tmp_path, format="json").read_text())
    assert [item["trainings"] for item in content["claims"]] == [ONE, "3 trainings"]
