"""Figures of a run, in Python and as PDF files."""

import re
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text
from tests.conftest import Command

import ood_bench
from ood_bench.errors import OodBenchError


@pytest.fixture(scope="module")
def run(finished: Path) -> ood_bench.Run:
    return ood_bench.load_run(results=finished / "results")


def sizes(figure: Figure) -> dict[str, float]:
    figure.draw_without_rendering()
    texts = (text for text in figure.findobj(Text) if isinstance(text, Text))
    return {text.get_text(): float(text.get_fontsize()) for text in texts if text.get_text()}


@pytest.mark.parametrize("analysis", ["histogram", "roc", "extremes", "course"])
def test_every_analysis_is_a_figure(run: ood_bench.Run, analysis: str) -> None:
    figure = run.plot(analysis, model="glow")
    assert isinstance(figure, Figure)
    assert any("low" in text for text in sizes(figure))


def test_a_figure_is_that_of_the_named_model(run: ood_bench.Run) -> None:
    for model, said in (("glow", "Glow"), ("cv-glow", "CV-Glow")):
        titles = [axes.get_title() for axes in run.plot("histogram", model=model).axes]
        assert titles == [f"{said}, trained on low"]


def test_width_and_font_size_are_those_asked_for(run: ood_bench.Run) -> None:
    before = run.plot("histogram", model="glow")
    width, height = before.get_size_inches()
    narrow = run.plot("histogram", model="glow", width=3.2)
    np.testing.assert_allclose(narrow.get_size_inches(), (3.2, height * 3.2 / width))
    fonts = sizes(before)
    assert {round(size) for size in fonts.values()} == {8, 9}
    for text, size in sizes(narrow).items():
        if text in fonts:
            assert size == pytest.approx(fonts[text] * 3.2 / width)
    large = run.plot("histogram", model="glow", font_size=18)
    shown = sizes(large)
    assert {round(size) for size in shown.values()} == {16, 18}
    assert shown["Glow, trained on low"] == pytest.approx(18)
    wide, high = large.get_size_inches()
    assert wide == pytest.approx(width)
    assert high > height


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"analysis": "histogramm"}, "no analysis 'histogramm'; did you mean 'histogram'"),
        ({}, "of several models: say model='glow' or model='cv-glow'"),
        ({"model": "glwo"}, "no 'histogram' of the model 'glwo'; did you mean 'glow'"),
        ({"model": "glow", "inside": "lwo"}, "trained on 'lwo'; did you mean 'low'"),
        ({"model": "glow", "seed": 4}, "seed=4"),
        ({"model": "glow", "width": 0.2}, "a width is 1 to 40 inches, got 0.2"),
        ({"model": "glow", "font_size": 90}, "a font size is 3 to 40 points, got 90"),
    ],
)
def test_a_wrong_name_is_one_line(run: ood_bench.Run, asked: dict[str, object], said: str) -> None:
    with pytest.raises(OodBenchError, match=re.escape(said)) as caught:
        run.plot(**({"analysis": "histogram"} | asked))  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("format", ["markdown", "html", "csv", "latex"])
def test_a_report_has_its_figures_as_pdf_beside_it(
    finished: Path, tmp_path: Path, ood_bench: Command, format: str
) -> None:
    arguments = ("report", "tiny", "--results", finished / "results", "-o", tmp_path)
    paper = ("--figures", "pdf", "--width", "3.25", "--font-size", "7")
    done = ood_bench(*arguments, "--format", format, *paper)
    assert done.status == 0, done.err
    files = sorted(path.name for path in tmp_path.glob("figures/*.pdf"))
    assert len(files) == 8
    for name in files:
        content = (tmp_path / "figures" / name).read_bytes()
        assert b"/FontFile2" in content
        assert b"/Type3" not in content
        (box,) = re.findall(rb"/MediaBox \[ 0 0 ([\d.]+) ", content)
        assert float(box) == pytest.approx(3.25 * 72)
    pictures = list(tmp_path.glob("figures/*.png"))
    assert bool(pictures) == (format == "markdown")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--width", "3"), "--width: it is of --figures pdf"),
        (("--font-size", "8"), "--font-size: it is of --figures pdf"),
        (("--figures", "pdf", "--width", "300"), "a width is 1 to 40 inches"),
        (("--figures", "pdf", "--table", "compact"), "--figures pdf: it is of the report"),
    ],
)
def test_a_mistake_is_one_line(
    finished: Path, tmp_path: Path, ood_bench: Command, arguments: tuple[str, ...], said: str
) -> None:
    ran = ood_bench("report", "--results", finished / "results", "-o", tmp_path, *arguments)
    assert ran.status == 2
    assert said in ran.err
    assert len(ran.err.splitlines()) == 1
    assert not list(tmp_path.iterdir())
