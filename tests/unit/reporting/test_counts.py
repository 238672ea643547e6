"""How many images a number is of: ID and OOD are never exchanged, where they differ."""

import csv
import io

from ood_bench.report import run_document, terminal_table
from ood_bench.report.html.matrix import detection_matrix
from ood_bench.report.measured import bits_table, detection_table
from ood_bench.report.sections import found_on_pairs
from ood_bench.report.texttable import TextTable
from ood_bench.report.tidy import csv_text
from ood_bench.results import Results

FEW = "constant_0"
"""An OOD set of 1,000 images; the ID set has 10,000."""


def cells(table: TextTable, header: str, *, of: str) -> set[str]:
    """Return a column of the rows that name a data set."""
    column = table.headers.index(header)
    return {row[column] for row in table.rows if of in " ".join(row[:3])}


def test_the_detection_table_names_id_images_before_ood_images(results: Results) -> None:
    table = detection_table(results)
    assert cells(table, "Images ID / OOD", of=FEW) == {"10,000 / 1,000"}


def test_the_ood_share_is_that_of_the_ood_images(results: Results) -> None:
    assert cells(detection_table(results), "OOD share", of=FEW) == {"0.091"}


def test_the_terminal_names_the_numbers_of_either_side(results: Results) -> None:
    table = terminal_table(results)
    told = [note for note in table.footnotes if "OOD images" in note]
    assert [note.split(" ", 1)[1] for note in told] == [
        "10,000 ID and 10,000 OOD images",
        "10,000 ID and 1,000 OOD images",
    ]
    marks = {note.split()[0] for note in told if "1,000 OOD" in note and "10,000 OOD" not in note}
    shown = [row[2] for row in table.rows if FEW in row[2]]
    assert all(marks & {*cell.split()[1].split(",")} for cell in shown)


def test_the_html_matrix_has_the_counts_of_either_side(results: Results) -> None:
    found = {
        (row["outside"], cell["inside"], cell["outside"])
        for row in detection_matrix(found_on_pairs(results), {})["rows"]
        for cell in row["cells"]
        if "values" in cell
    }
    assert found == {("mnist_20k", 10_000, 10_000), (FEW, 10_000, 1_000)}


def test_bits_per_dimension_are_of_the_images_that_were_scored(results: Results) -> None:
    table = bits_table(results)
    column = table.headers.index("Images")
    found = {row[2].split(" ¹")[0]: row[column] for row in table.rows if row[0] == "glow"}
    assert found == {
        "fashion_mnist_20k (train)": "5,000",
        "fashion_mnist_20k (test)": "10,000",
        "mnist_20k (OOD)": "10,000",
        f"{FEW} (OOD)": "1,000",
    }


def test_the_csv_has_either_count_under_its_own_name(results: Results) -> None:
    rows = csv.DictReader(io.StringIO(csv_text(run_document(results))))
    found = {(r["n_inside"], r["n_outside"]) for r in rows if r["outside"] == FEW and r["detector"]}
    assert found == {("10000", "1000")}
