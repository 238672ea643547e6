"""Reports on disk: every path on the page leads somewhere, and figures have safe names."""

import base64
import io
import json
import re
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from PIL import Image

from ood_bench.analyses import Study
from ood_bench.analyses.extremes import Extremes
from ood_bench.analyses.histogram import Histogram
from ood_bench.errors import OodBenchError
from ood_bench.report import run_document, write_report
from ood_bench.report.figures import file_stem
from ood_bench.report.tidy import csv_text
from ood_bench.results import AnalysisTable, Results

ANALYSES = {"histogram": Histogram()}


def test_every_path_on_the_page_is_a_file_beside_it(results: Results, tmp_path: Path) -> None:
    other_seed = replace(results.analyses[0], seed=1)
    several = replace(results, analyses=(*results.analyses, other_seed))
    page = write_report(several, tmp_path / "new", format="markdown", analyses=ANALYSES)
    paths = re.findall(r"\]\(([^)]+)\)", page.read_text())
    assert paths.count("figures/histogram-glow-fashion_mnist-0.png") == 1
    assert paths.count("figures/histogram-glow-fashion_mnist-1.png") == 1
    assert all((page.parent / path).is_file() for path in paths)
    assert (tmp_path / "new/tables/histogram-glow-fashion_mnist-0.csv").is_file()


@pytest.mark.parametrize("format", ["markdown", "latex"])
def test_how_many_figures_are_there_is_reported_after_each(
    results: Results, tmp_path: Path, format: str
) -> None:
    several = replace(results, analyses=(*results.analyses, replace(results.analyses[0], seed=1)))
    figures: list[tuple[int, int]] = []
    write_report(
        several,
        tmp_path,
        format=format,
        analyses=ANALYSES,
        progress=lambda done, total: figures.append((done, total)),
    )
    assert figures == [(1, 2), (2, 2)]


def test_figures_are_png_at_200_dots_an_inch(results: Results, tmp_path: Path) -> None:
    write_report(results, tmp_path, format="markdown", analyses=ANALYSES)
    with Image.open(tmp_path / "figures/histogram-glow-fashion_mnist-0.png") as image:
        assert image.format == "PNG"
        assert image.width == 6.4 * 200


def test_csv_and_json_are_one_file_each(results: Results, tmp_path: Path) -> None:
    assert write_report(results, tmp_path, format="csv", analyses={}).name == "results.csv"
    assert write_report(results, tmp_path, format="json", analyses={}).name == "results.json"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["results.csv", "results.json"]
    assert (tmp_path / "results.csv").read_text() == csv_text(run_document(results))


@pytest.mark.parametrize("format", ["markdown", "csv", "json"])
def test_a_path_that_is_not_unicode_does_not_stop_a_report(
    results: Results, tmp_path: Path, format: str
) -> None:
    odd = replace(results.data[0], source="folder/\udcff", note="\udcff")
    row = replace(results.rows[0], note="\udcff")
    named = replace(results, data=(odd,), rows=(row,), analyses=())
    text = write_report(named, tmp_path, format=format, analyses={}).read_text()
    assert format == "markdown" or "\\udcff" in text
    if format == "json":
        assert json.loads(text)["data"][0]["note"] == "\udcff"


def test_writing_again_gives_the_same_bytes_and_leaves_nothing_behind(
    results: Results, tmp_path: Path
) -> None:
    def files() -> dict[Path, bytes]:
        write_report(results, tmp_path, format="markdown", analyses=ANALYSES)
        return {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}

    assert files() == files()
    assert not list(tmp_path.rglob(".*"))


def test_the_images_in_a_table_are_base64_in_its_csv(
    results: Results, study: Study, tmp_path: Path
) -> None:
    table = AnalysisTable(
        "extremes", "glow", "fashion_mnist", 0, lambda: Extremes(count=2).tabulate(study)
    )
    shown = replace(results, analyses=(table,))
    write_report(shown, tmp_path, format="markdown", analyses={"extremes": Extremes(count=2)})
    stored = pd.read_csv(tmp_path / "tables/extremes-glow-fashion_mnist-0.csv")
    with Image.open(io.BytesIO(base64.b64decode(stored["png"][0]))) as image:
        assert image.size == (4, 4)


def test_a_table_without_its_analysis_is_an_error(results: Results, tmp_path: Path) -> None:
    with pytest.raises(OodBenchError, match="no analysis 'histogram'"):
        write_report(results, tmp_path, format="markdown", analyses={})


def test_names_that_no_file_system_likes_give_safe_and_different_files() -> None:
    stems = [
        file_stem(AnalysisTable("a", name, "mnist", 0, pd.DataFrame))
        for name in ("../../etc", "..\\..\\etc", "a b(c)", "a b[c]")
    ]
    assert len(set(stems)) == 4
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+", stem) for stem in stems)


def test_what_analyses_found_is_a_csv_file_and_a_table_under_the_figure(
    results: Results, tmp_path: Path
) -> None:
    page = write_report(results, tmp_path, format="markdown", analyses=ANALYSES)
    table = pd.read_csv(tmp_path / "tables" / "findings.csv", keep_default_na=False)
    assert list(table["seed"]) == ["0"] * 3 + ["all"] * 3
    assert table["value"].tolist() == [-1.1, -2.5, 0.4] * 2
    lines = page.read_text().splitlines()
    assert "| mnist | -1.100 [-1.200, -1.000] | – | one training |" in lines
    assert "| constant_0 | -2.500 | – | one training |" in lines
    assert "| fashion_mnist | – | 0.400 [0.300, 0.500] | one training |" in lines
