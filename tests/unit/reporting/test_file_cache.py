"""A figure is drawn once, and again only when what it depends on is another."""

from dataclasses import replace
from pathlib import Path

import matplotlib.figure
import pytest

from ood_bench.analyses.extremes import Extremes
from ood_bench.analyses.histogram import Histogram
from ood_bench.files import read_sealed
from ood_bench.report import write_report
from ood_bench.report.code import code_digest
from ood_bench.report.tablecsv import table_csv
from ood_bench.results import Results

FIGURE = "figures/histogram-glow-fashion_mnist-0.png"
TABLE = "tables/histogram-glow-fashion_mnist-0.csv"


class Counting(Histogram):
    """Counts how often it draws."""

    def __init__(self) -> None:
        self.drawn = 0

    def draw(self, table: object) -> matplotlib.figure.Figure:
        self.drawn += 1
        return matplotlib.figure.Figure(figsize=(1, 1))


def _never(table: object) -> str:
    raise AssertionError("the table is written again")


_never.__module__ = table_csv.__module__


@pytest.fixture
def stored(results: Results) -> Results:
    """Results whose one table is a stored one."""
    return replace(results, analyses=(replace(results.analyses[0], digest="stored table"),))


def write(results: Results, folder: Path, analysis: Counting, **options: object) -> int:
    """Write the report and return how often the analysis has drawn by then."""
    write_report(
        results,
        folder,
        format="markdown",
        analyses={"histogram": analysis},
        **options,  # type: ignore[arg-type]  # options of write_report in the calls below
    )
    return analysis.drawn


def test_a_figure_that_lies_there_is_not_drawn_again(stored: Results, tmp_path: Path) -> None:
    analysis = Counting()
    assert write(stored, tmp_path, analysis) == 1
    written = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.png")}
    assert write(stored, tmp_path, analysis) == 1
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.png")} == written


def test_one_that_lies_in_the_runs_folder_is_copied(stored: Results, tmp_path: Path) -> None:
    analysis, run, other = Counting(), tmp_path / "run", tmp_path / "other"
    write(stored, run, analysis)
    assert write(stored, other, analysis, run=run) == 1
    for name in (FIGURE, TABLE):
        assert (other / name).read_bytes() == (run / name).read_bytes()
    assert write(stored, other, analysis) == 1


def test_another_table_or_encoding_is_drawn_anew(stored: Results, tmp_path: Path) -> None:
    analysis = Counting()
    write(stored, tmp_path, analysis)
    other = replace(stored, analyses=(replace(stored.analyses[0], digest="another"),))
    assert write(other, tmp_path, analysis) == 2
    assert write(other, tmp_path, analysis, small=True) == 3


def test_a_table_that_was_never_stored_is_drawn_each_time(results: Results, tmp_path: Path) -> None:
    analysis = Counting()
    assert write(results, tmp_path, analysis) == 1
    assert write(results, tmp_path, analysis) == 2


@pytest.mark.parametrize("damage", ["figure", "gone", "index"])
def test_what_was_damaged_is_drawn_anew(stored: Results, tmp_path: Path, damage: str) -> None:
    analysis = Counting()
    write(stored, tmp_path, analysis)
    good = (tmp_path / FIGURE).read_bytes()
    if damage == "figure":
        (tmp_path / FIGURE).write_bytes(b"half")
    elif damage == "gone":
        (tmp_path / FIGURE).unlink()
    else:
        (tmp_path / "made.json").write_text('{"figures": 1}')
    assert write(stored, tmp_path, analysis) == 2
    assert (tmp_path / FIGURE).read_bytes() == good


def test_a_table_too_large_for_an_archive_is_not_tried_again(
    stored: Results, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ood_bench.report.write.LARGE", 10)
    write(stored, tmp_path, Counting(), small=True)
    assert not (tmp_path / TABLE).exists()
    assert read_sealed(tmp_path / "made.json")[TABLE][1] is None
    monkeypatch.setattr("ood_bench.report.write.table_csv", _never)
    write(stored, tmp_path, Counting(), small=True)
    assert not (tmp_path / TABLE).exists()


def test_the_drawing_code_is_a_module_and_what_it_imports_but_no_docstring(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "strange"
    package.mkdir()
    files = {
        "__init__.py": "",
        "one.py": '"""Says."""\ndef f():\n    from .two import g\n    return g\nclass A: pass\n',
        "two.py": "def g():\n    from strange import three\n",
        "three.py": "x = 1\n",
        "four.py": "y = 1\n",
    }
    for name, text in files.items():
        (package / name).write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    from strange.one import A  # type: ignore[import-not-found]  # pyright: ignore

    before = code_digest(A)
    for name, text, same in (
        ("four.py", "y = 2\n", True),
        ("one.py", files["one.py"].replace("Says", "Says more"), True),
        ("three.py", "x = 2\n", False),
        ("three.py", "x = 1\n", True),
        ("two.py", files["two.py"] + "z = 1\n", False),
    ):
        (package / name).write_text(text)
        assert (code_digest(A) == before) is same


def test_every_analysis_of_ours_has_its_own_drawing_code() -> None:
    assert code_digest(Histogram) not in (None, code_digest(Extremes))
