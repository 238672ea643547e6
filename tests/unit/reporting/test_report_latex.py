"""The LaTeX report: it compiles, whatever the names, and says what the CSV says."""

import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ood_bench.analyses.histogram import Histogram
from ood_bench.report import compact_table, run_document, write_run_comparison
from ood_bench.report.latex import latex
from ood_bench.report.markdown import markdown
from ood_bench.report.tex import tex, tex_table
from ood_bench.report.texttable import Column, TextTable, words
from ood_bench.report.tidy import csv_text, ordered
from ood_bench.report.write import write_report
from ood_bench.results import (
    Audit,
    ComparedRow,
    DataAudit,
    Omission,
    Overlap,
    Results,
    RunComparison,
    Separation,
)

WORD_AND_NUMBER = (Column("What"), Column("n", numeric=True))
ENGINES = ("pdflatex", "lualatex")
AWKWARD = r"50 % of a_b & {c} $x$ #1 ^ ~ \input{/etc/passwd} <|> ''`` -- »é« ŉ σ² → 中文 🙂"


def compiled(folder: Path, engine: str, name: str = "report") -> str:
    """Compile a document once and return the text of the pages, or else the log."""
    if shutil.which(engine) is None or shutil.which("pdftotext") is None:
        pytest.skip(f"needs {engine} (texlive-latex-extra) and pdftotext (poppler-utils)")
    packages = ("xltabular.sty", *(["luaotfload.sty"] if engine == "lualatex" else []))
    for package in packages:
        if subprocess.run(["kpsewhich", package], capture_output=True, check=False).returncode:
            pytest.skip(f"needs {package} (texlive-latex-extra, texlive-luatex)")
    done = subprocess.run(
        [engine, "-interaction=nonstopmode", "-halt-on-error", f"{name}.tex"],
        cwd=folder,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout.decode(errors="replace")[-3000:]
    log = (folder / f"{name}.log").read_text(errors="replace")
    assert "Missing character" not in log
    command = ["pdftotext", "-layout", f"{name}.pdf", "-"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout


def numbers(text: str) -> list[str]:
    """Return the measured values of a page with their intervals, as they stand."""
    return re.findall(r"\d\.\d{3} \[\d\.\d{3}, \d\.\d{3}\]", text)


@pytest.fixture
def awkward(results: Results) -> Results:
    """The results with an audit, and names that TeX would trip over."""
    audit = Audit(
        data=(DataAudit(AWKWARD, "1×28×28", 9, (1.0,), (4.0,), 3.0, 5, 2.0, 0.1, 5.0, 1),),
        separations=(
            Separation("fashion_mnist_20k", "mnist_20k", "1×28×28", "mean", 0.95, 0.94, 0.96, 9, 9),
        ),
        overlaps=(Overlap(AWKWARD, "test", 9, "b", "train", 9, "1×28×28", 1, None),),
        distance=8,
        bits=63,
        correlation=0.9,
    )
    skips = (*results.skips, Omission(f"cell {AWKWARD}", AWKWARD))
    return replace(
        results, title=AWKWARD, about=AWKWARD, notes=(AWKWARD,), skips=skips, audit=audit
    )


@pytest.mark.parametrize("engine", ENGINES)
def test_the_document_compiles_as_it_is_whatever_the_names(
    awkward: Results, tmp_path: Path, engine: str
) -> None:
    path = write_report(awkward, tmp_path, format="latex", analyses={"histogram": Histogram()})
    assert path == tmp_path / "report.tex"
    page = compiled(tmp_path, engine)
    for expected in ("0.160 [0.155, 0.165]", "AUPR-Out", "FPR@95TPR", "0.950 [0.940, 0.960]"):
        assert expected in page
    flat = " ".join(page.split())
    assert r"50 % of a_b & {c} $x$ #1 ^ ~ \input{/etc/passwd} <|>" in flat
    if engine == "pdflatex":
        assert "[U+4E2D][U+6587] [U+1F642]" in flat


@pytest.mark.parametrize("engine", ENGINES)
def test_a_comparison_of_runs_compiles_too(tmp_path: Path, engine: str) -> None:
    row = ComparedRow(AWKWARD, "i", "o", "d", "first", 0.6, 0.5, 0.7, 9, 9)
    rows = (row, replace(row, run="other", note=AWKWARD))
    compared = RunComparison(("first", "other"), 0.95, rows, (), (AWKWARD,))
    write_run_comparison(compared, tmp_path, format="latex")
    assert "0.600 [0.500, 0.700]" in compiled(tmp_path, engine, "compare")


def test_tables_say_what_the_csv_and_the_markdown_page_say(awkward: Results) -> None:
    files = latex(run_document(awkward))
    rows = [
        row
        for row in ordered(awkward.rows)
        if row.seed == "all" and (row.metric == "auroc" or row.metric.startswith("bpd"))
    ]
    expected = sorted(f"{r.value:.3f} [{r.low:.3f}, {r.high:.3f}]" for r in rows)
    assert len(csv_text(run_document(awkward)).splitlines()) == 1 + len(awkward.rows)
    of_latex = numbers(files["tables/detection.tex"]) + numbers(files["tables/bits.tex"])
    page = markdown(run_document(awkward)).replace("\\", "")
    of_page = [
        number
        for heading in ("Detection", "Bits per dimension")
        for number in numbers(page.split(f"\n## {heading}\n")[1].split("\n## ")[0])
    ]
    remark = ["0.950 [0.940, 0.960]"]
    assert sorted(of_latex) == sorted(of_page) == sorted(expected + remark)
    for name, file in files.items():
        if name.startswith("tables/"):
            assert rf"\input{{{name}}}" in files["report.tex"]
            assert r"\toprule" in file


def test_every_table_of_the_page_is_there(awkward: Results) -> None:
    headings = re.findall(r"^## (.*)$", markdown(run_document(awkward)), flags=re.MULTILINE)
    captions = re.findall(
        r"\\caption\{\\textbf\{(.*?)\.\}", "".join(latex(run_document(awkward)).values())
    )
    assert captions == headings


@given(st.text())
def test_no_character_of_a_name_reaches_tex_with_a_meaning(text: str) -> None:
    safe = re.sub(r"\\oodchar\{[0-9A-F]{4,6}\}|\\text[a-z]+\{\d?\}|\\allowbreak\{\}", "", tex(text))
    safe = re.sub(r"\\[%$&#_{}]|\\dots\{\}|\$\\[A-Za-z]+-?\$|-\{\}", "", safe)
    assert not set(safe) & set('\\{}$&#%_^<>|"')
    assert "\n" not in safe


def test_a_table_breaks_long_words_and_sets_wide_ones_smaller() -> None:
    long = TextTable(WORD_AND_NUMBER, (("word " * 30, "1"),))
    assert r"\begin{xltabular}" in tex_table(long, caption="", label="")
    short = TextTable(WORD_AND_NUMBER, (("word", "1"),))
    assert r"\begin{longtable}{@{}lr@{}}" in tex_table(short, caption="", label="")
    wide = TextTable(words(*"abcdefghij"), (("x" * 22,) * 10,))
    assert r"\tiny" in tex_table(wide, caption="", label="")


@pytest.mark.parametrize("engine", ENGINES)
def test_a_paper_takes_the_compact_table_in(awkward: Results, tmp_path: Path, engine: str) -> None:
    table = compact_table(awkward)
    (tmp_path / "compact.tex").write_text(table.latex())
    (tmp_path / "paper.tex").write_text(
        "\\documentclass{article}\n\\usepackage{booktabs,graphicx}\n"
        "\\begin{document}\\input{compact}\\end{document}\n"
    )
    page = compiled(tmp_path, engine, "paper")
    assert "One training of each model" in " ".join(page.split())
    assert "0.160" in page
    assert "Overfull" not in (tmp_path / "paper.log").read_text(errors="replace")
