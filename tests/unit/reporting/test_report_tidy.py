"""CSV and JSON: stable columns, one order, exact numbers, no heavy imports."""

import csv
import io
import json
import math
import random
import subprocess
import sys
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from ood_bench.report import run_document, tidy
from ood_bench.results import Results, Row
from ood_bench.spreadsheet import unguarded

HEADER = (
    "suite,model,inside,outside,detector,seed,metric,value,low,high,n_inside,n_outside,"
    "transform,note"
)


def csv_text(results: Results) -> str:
    return tidy.csv_text(run_document(results))


def json_text(results: Results) -> str:
    return tidy.json_text(run_document(results))


def row(value: float = 0.5, **changes: str) -> Row:
    blank = Row("s", "m", "i", "o", "d", "0", "auroc", value, value, value, 1, 1, "", "")
    return replace(blank, **changes)  # type: ignore[arg-type]  # text fields alone are changed


def of(*rows: Row) -> Results:
    return Results("s", "", rows, (), (), (), (), (), (), (), ())


def read(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_the_columns_of_the_csv_are_those_that_others_rely_on(results: Results) -> None:
    assert csv_text(results).splitlines()[0] == HEADER


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_in_csv_and_json_read_back_as_the_same_floats(value: float) -> None:
    assert float(read(csv_text(of(row(value))))[0]["value"]) == value
    assert json.loads(json_text(of(row(value))))["rows"][0]["value"] == value


@given(st.text())
def test_any_text_survives_json_and_on_one_line_csv(text: str) -> None:
    results = of(row(note=text))
    assert json.loads(json_text(results))["rows"][0]["note"] == text
    assert len(csv_text(results).split("\n")) == 3
    note = unguarded(read(csv_text(results))[0]["note"])
    assert note == (text if len(text.splitlines()) <= 1 and text.isprintable() else note)
    assert note.split() == text.split()


def test_the_order_of_rows_does_not_depend_on_the_order_of_work(results: Results) -> None:
    shuffled = list(results.rows)
    random.Random(0).shuffle(shuffled)
    assert csv_text(replace(results, rows=tuple(shuffled))) == csv_text(results)


def test_seeds_are_ordered_as_numbers_and_the_pooled_row_comes_last() -> None:
    found = read(csv_text(of(*(row(seed=seed) for seed in ("all", "10", "9", "0")))))
    assert [item["seed"] for item in found] == ["0", "9", "10", "all"]


def test_a_number_that_is_not_finite_is_empty_in_csv_and_null_in_json() -> None:
    results = of(row(math.nan))
    assert read(csv_text(results))[0]["value"] == ""
    assert json.loads(json_text(results))["rows"][0]["value"] is None


def test_json_holds_the_rows_of_the_csv_the_claims_and_the_manifest(results: Results) -> None:
    content = json.loads(json_text(results))
    rows = read(csv_text(results))
    assert [{key: str(value) for key, value in item.items()} for item in content["rows"]] == rows
    keys = {"id", "says", "source", "measured", "low", "high", "quoted", "verdict"}
    assert keys <= content["claims"][0].keys()
    assert content["claims"][1]["measured"] is None
    assert content["manifest"] == dict(results.manifest)
    assert content["training"][0]["divergences"] == [{"step": 120, "learning_rate": 5e-4}]


def test_csv_and_json_load_neither_torch_nor_a_plotting_library() -> None:
    code = (
        "import sys\n"
        "from ood_bench.report import run_document, terminal_table\n"
        "from ood_bench.report.markdown import markdown\n"
        "from ood_bench.report.tidy import csv_text, json_text\n"
        "from ood_bench.results import Results\n"
        "results = Results('s', '', (), (), (), (), (), (), (), (), ())\n"
        "terminal_table(results)\n"
        "for make in (csv_text, json_text, markdown): make(run_document(results))\n"
        "sys.exit({'torch', 'matplotlib', 'seaborn', 'pandas'} & sys.modules.keys() or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
