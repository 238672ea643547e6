"""The tutorial: a notebook that runs as it stands, with the outputs that it shows."""

import ast
import json
import re
from pathlib import Path
from typing import Any

import pytest
from tests.packaging.pages import ROOT

NOTEBOOK = ROOT / "docs" / "tutorial.ipynb"
CELLS: list[dict[str, Any]] = [
    cell
    for cell in json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    if cell["cell_type"] == "code"
]


def shown(cell: dict[str, Any]) -> str:
    """The text of what a cell's last line returned."""
    results = (one["data"]["text/plain"] for one in cell["outputs"] if "data" in one)
    return "".join("".join(text) for text in results)


def table_values(text: str) -> list[float]:
    """The numbers of a table in Markdown."""
    rows = [line for line in text.splitlines() if line.startswith("|")]
    return [float(value) for row in rows for value in re.findall(r"\d\.\d{3}", row)]


def test_the_notebook_was_run_in_order_and_is_small() -> None:
    assert NOTEBOOK.stat().st_size < 300_000
    assert [cell["execution_count"] for cell in CELLS] == list(range(1, len(CELLS) + 1))
    kinds = [one["output_type"] for cell in CELLS for one in cell["outputs"]]
    assert "error" not in kinds
    assert all(shown(cell) for cell in CELLS)
    pictures = [one for cell in CELLS for one in cell["outputs"] if "image/png" in one["data"]]
    assert pictures, "a notebook shows the figure that `plot` returns"


def test_the_notebook_holds_nothing_of_the_machine_that_ran_it() -> None:
    text = NOTEBOOK.read_text(encoding="utf-8")
    assert not re.findall(r"/(?:home|root|tmp|work|Users)/", text)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*LeafSpec", "ignore:.*many workers")  # Lightning's own
def test_every_cell_runs_and_shows_what_it_showed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("OOD_BENCH_DATA", raising=False)
    names: dict[str, Any] = {"__name__": "notebook"}
    compared = 0
    for cell in CELLS:
        *lines, last = ast.parse("".join(cell["source"])).body
        exec(compile(ast.Module(lines, []), "<cell>", "exec"), names)
        assert isinstance(last, ast.Expr)
        found = repr(eval(compile(ast.Expression(last.value), "<cell>", "eval"), names))
        expected = table_values(shown(cell))
        if expected:
            assert table_values(found) == pytest.approx(expected, abs=0.05)
            compared += 1
    assert compared == 3
