"""The HTML report in a browser: it works without network, by mouse and by keyboard."""

import re
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import pytest
from tests.browser.conftest import Run

from ood_bench.metrics import SPECS
from ood_bench.report import write_report, write_run_comparison
from ood_bench.results import ComparedRow, Omission, Results, RunComparison

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

HOSTILE = '</script><img src=x onerror="window.hacked=1"><script>window.hacked=1</script>\'&amp;'


@pytest.fixture(scope="session")
def report(run: Run, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address of the run's report, alone in a folder."""
    folder = tmp_path_factory.mktemp("page")
    return written(run, run.results, folder)


def written(run: Run, results: Results, folder: Path) -> str:
    path = write_report(results, folder, format="html", analyses=run.analyses, run=run.folder)
    assert [file.name for file in folder.iterdir()] == ["report.html"]
    return path.as_uri()


def column(page: "Page", number: int) -> list[str]:
    cells = page.locator(f".matrix tbody tr > :nth-child({number})")
    return [text.strip() for text in cells.all_text_contents()]


def test_the_page_refers_to_nothing_outside_itself(report: str, page: "Page") -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(report)
    assert {url.partition(":")[0] for url in asked if url != report} <= {"data"}
    assert page.locator("h1").inner_text() == "Digits below five against the others"
    headings = page.locator("h2").all_inner_texts()
    assert headings[:2] == ["Claims", "Detection"]
    assert {"Likelihood histograms", "Errors at the 95 % threshold", "Data"} <= set(headings)


def test_the_matrix_holds_what_was_measured(report: str, page: "Page", run: Run) -> None:
    page.goto(report)
    for id, metric in (("auroc", "AUROC"), ("fpr95", "FPR@95TPR"), ("aupr_in", "AUPR-In")):
        page.get_by_role("radio", name=metric).check()
        expected = [
            f"{row.value:.3f}"
            for row in run.results.rows
            if row.seed == "all" and row.metric == id and row.detector == "typicality"
        ]
        assert column(page, 5) == expected
    page.get_by_label("95 % intervals").check()
    (low, high), *_ = (
        (row.low, row.high)
        for row in run.results.rows
        if row.seed == "all" and row.metric == "aupr_in"
    )
    assert f"[{low:.3f}, {high:.3f}]" in column(page, 4)[0]


def test_a_value_is_coloured_by_its_side_of_chance(report: str, page: "Page", run: Run) -> None:
    page.goto(report)
    for spec in SPECS:
        page.get_by_role("radio", name=spec.heading).check()
        rows = [
            row
            for row in run.results.rows
            if (row.seed, row.metric, row.detector) == ("all", spec.name, "typicality")
        ]
        expected = []
        for row in rows:
            counts = {"inside": row.n_inside, "outside": row.n_outside}
            chance = spec.chance
            if isinstance(chance, str):
                chance = counts[chance] / sum(counts.values())
            worse = row.value < chance if spec.higher_is_better else row.value > chance
            expected.append("below" if worse else "above")
        cells = page.locator(".matrix tbody tr > :nth-child(5) [data-tip]")
        assert [cell.get_attribute("class") for cell in cells.all()] == expected


def test_the_matrix_sorts_both_ways_and_filters(report: str, page: "Page") -> None:
    page.goto(report)
    heading = page.locator(".matrix th").filter(has_text="input_complexity")
    for direction, order in (("ascending", False), ("descending", True)):
        heading.get_by_role("button").click()
        assert heading.get_attribute("aria-sort") == direction
        values = [float(text) for text in column(page, 6)]
        assert values == sorted(values, reverse=order)
    named = "cv-glow (not trained)"  # in 20 steps it has learnt nothing
    page.locator("[data-filter=model]").select_option(label=named)
    assert set(column(page, 1)) == {named}
    assert page.get_by_role("status").inner_text() == "2 of 4 rows"
    page.locator("[data-filter=detector]").select_option(label="typicality")
    assert page.locator(".matrix th[scope=col]").all_inner_texts()[3:] == ["typicality"]


def test_other_tables_sort_too(report: str, page: "Page") -> None:
    page.goto(report)
    table = page.locator("#bits table")
    table.get_by_role("button", name=re.compile("Bits per dimension")).click()
    cells = table.locator("tbody td:nth-child(4)").all_text_contents()
    values = [float(text.split()[0]) for text in cells]
    assert values == sorted(values)


def test_values_are_reached_by_keyboard_and_tell_their_interval(
    report: str, page: "Page", run: Run
) -> None:
    page.goto(report)
    first = page.locator(".matrix [data-tip]").first
    assert page.locator(".matrix [data-tip][tabindex='0']").count() == 1
    first.focus()
    tip = page.get_by_role("tooltip")
    row = next(row for row in run.results.rows if row.seed == "all" and row.metric == "auroc")
    assert f"AUROC {row.value:.3f} [{row.low:.3f}, {row.high:.3f}]" in tip.inner_text()
    assert f"{row.n_inside} ID and {row.n_outside} OOD images" in tip.inner_text()
    page.keyboard.press("ArrowRight")
    assert "typicality" in tip.inner_text()
    page.keyboard.press("ArrowDown")
    assert "black, typicality" in tip.inner_text()
    page.keyboard.press("Escape")
    assert tip.is_hidden()
    page.keyboard.press("Enter")
    assert page.url.endswith("#chart-0")
    assert pressed(page.locator("#chart-0")) == {
        "low (train)": False, "low (test)": True, "high (OOD)": False, "black (OOD)": True,
    }  # fmt: skip


def pressed(chart: "Locator") -> dict[str, bool]:
    """Return which data sets a chart shows."""
    return {
        button.inner_text().partition(",")[0]: button.get_attribute("aria-pressed") == "true"
        for button in chart.locator(".legend button").all()
    }


def test_a_chart_draws_what_is_switched_on(report: str, page: "Page", run: Run) -> None:
    page.goto(report)
    chart = page.locator("#chart-1")
    chart.scroll_into_view_if_needed()
    curves = chart.locator(".plot svg path, .plot svg line[stroke-width='2']")
    chart.locator(".plot svg").wait_for()
    assert curves.count() == 4
    chart.get_by_role("button", name="high (OOD)").click()
    assert curves.count() == 3
    assert pressed(chart)["high (OOD)"] is False
    chart.get_by_role("button", name="Show all again").click()
    assert curves.count() == 4
    n = next(row.n_outside for row in run.results.rows if row.outside == "high")
    assert f"n = {n:,}" in chart.locator(".legend").inner_text()


def test_a_chart_zooms_by_keys_and_by_dragging(report: str, page: "Page") -> None:
    page.goto(report)
    chart = page.locator("#chart-0")
    plot = chart.locator(".plot")
    plot.scroll_into_view_if_needed()
    plot.locator("svg").wait_for()

    def span() -> tuple[float, float]:
        low, high = page.evaluate("charts.get('chart-0').view")
        return low, high

    whole = span()
    plot.focus()
    page.keyboard.press("+")
    closer = span()
    assert whole[0] < closer[0] < closer[1] < whole[1]
    page.keyboard.press("ArrowRight")
    assert span()[0] < closer[0]
    page.keyboard.press("0")
    assert span() == whole
    box = plot.bounding_box()
    assert box
    y = box["y"] + 50
    page.mouse.move(box["x"] + 0.25 * box["width"], y)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.75 * box["width"], y, steps=3)
    page.mouse.up()
    low, high = span()
    assert high - low == pytest.approx((whole[1] - whole[0]) / 2, rel=0.05)
    assert sum(span()) == pytest.approx(sum(whole), rel=0.05)
    page.mouse.dblclick(box["x"] + 100, y)
    assert span() == whole


def test_images_are_shown_with_their_bits(report: str, page: "Page", run: Run) -> None:
    page.goto(report)
    for part in ("extremes", "errors"):
        images = page.locator(f"#{part} details[open] img")
        assert images.count() > 8
        images.first.scroll_into_view_if_needed()
        assert images.first.evaluate("image => image.decode().then(() => image.naturalWidth)") == 8
    table = next(t.table for t in run.results.analyses if t.analysis == "errors")
    first = table.iloc[0]
    told = f"rejected {100 * first['count'] / first['of']:.1f} %, {first['count']} of {first['of']}"
    assert told in page.locator("#errors").inner_text()


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 360])
def test_axe_finds_no_violation(report: str, page: "Page", theme: str, width: int) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]  # one of two literals
    page.set_viewport_size({"width": width, "height": 800})
    page.goto(report)
    assert page.evaluate("document.documentElement.scrollWidth") == width
    found = axe.Axe().run(page).response["violations"]
    assert [(item["id"], item["impact"], item["nodes"][0]["html"]) for item in found] == []


def test_the_theme_can_be_chosen_and_is_kept(report: str, page: "Page") -> None:
    page.emulate_media(color_scheme="light")
    page.goto(report)
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.get_by_role("button", name="Dark").click()
    night = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert night != paper
    page.reload()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == night


def test_no_name_from_the_data_runs_as_a_script(run: Run, page: "Page", tmp_path: Path) -> None:
    page.goto(written(run, hostile(run.results), tmp_path))
    assert page.evaluate("window.hacked") is None
    assert page.locator("[onerror]").count() == 0
    assert page.locator("script").count() == 2
    assert page.title() == page.locator("h1").inner_text() == HOSTILE
    assert HOSTILE in column(page, 3)
    page.locator(".matrix [data-tip]").first.focus()
    assert HOSTILE in page.get_by_role("tooltip").inner_text()
    legend = page.locator("#chart-0 .legend")
    legend.scroll_into_view_if_needed()
    assert HOSTILE in legend.inner_text()


def test_a_script_that_is_not_the_pages_own_is_refused(
    report: str, browser: "Browser", tmp_path: Path
) -> None:
    page = Path(report.removeprefix("file://")).read_text()
    changed = tmp_path / "changed.html"
    changed.write_text(page.replace("</body>", "<script>window.hacked = 1</script></body>"))
    with browser.new_context() as context:
        opened = context.new_page()
        opened.goto(changed.as_uri())
        assert opened.locator("script").count() == 3
        assert opened.evaluate("window.hacked") is None


def hostile(results: Results) -> Results:
    """Return results in which all that a suite or a data set may name would run if it could."""

    def renamed(table: pd.DataFrame) -> pd.DataFrame:
        return table.replace("high", HOSTILE)

    return replace(
        results,
        title=HOSTILE,
        about=HOSTILE,
        rows=tuple(
            replace(row, note=HOSTILE, outside=HOSTILE if row.outside == "high" else row.outside)
            for row in results.rows
        ),
        claims=tuple(
            replace(claim, says=HOSTILE, note=HOSTILE, quoted=HOSTILE) for claim in results.claims
        ),
        data=tuple(
            replace(card, name=HOSTILE, licence=HOSTILE, citation=HOSTILE) for card in results.data
        ),
        analyses=tuple(
            replace(table, make=partial(renamed, table.table), digest="")
            for table in results.analyses
        ),
        notes=(HOSTILE,),
        skips=(Omission(HOSTILE, HOSTILE),),
        manifest={HOSTILE: HOSTILE},
    )


def test_a_comparison_of_runs_is_a_page_whose_tables_sort(tmp_path: Path, page: "Page") -> None:
    rows = [
        ComparedRow("m", "i", "o", detector, "first", value, 0.1, 0.9, 9, 9)
        for detector, value in (("a", 0.6), ("b", 0.4))
    ]
    rows += [replace(row, run="other", note=HOSTILE) for row in rows]
    found = RunComparison(("first", "other"), 0.95, tuple(rows), (), (HOSTILE,))
    page.goto(write_run_comparison(found, tmp_path, format="html").as_uri())
    assert page.locator("h1").inner_text() == "first against other"
    table = page.locator("#auroc table")
    table.get_by_role("button", name=re.compile("AUROC, first")).click()
    cells = table.locator("tbody td:nth-child(4)").all_text_contents()
    assert [text[:5] for text in cells] == ["0.400", "0.600"]
    assert page.evaluate("window.hacked") is None


def test_on_a_phone_claims_are_cards_and_what_is_long_is_folded(
    report: str, page: "Page", run: Run
) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(report)
    assert page.evaluate("document.documentElement.scrollHeight") < 15_000
    measured = page.locator(".claims td[data-label=Measured]")
    assert measured.count() == len(run.results.claims)
    for cell in measured.all():
        box = cell.bounding_box()
        assert box
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 390
        assert cell.inner_text().strip()
    assert page.locator("details.fold").count() > 3
    assert page.locator("details.fold[open]").count() == 0
    page.evaluate("location.hash = '#chart-0'")
    page.locator("#chart-0 .plot svg").wait_for()
    page.set_viewport_size({"width": 1280, "height": 900})
    page.reload()
    assert page.locator("details.fold[open]").count() == page.locator("details.fold").count()


def test_the_search_finds_models_pairs_and_detectors(report: str, page: "Page") -> None:
    page.goto(report)
    rows = page.locator(".matrix tbody tr")
    everything = rows.count()
    box = page.get_by_role("searchbox")
    box.fill("CV-GLOW")
    assert {text.split()[0] for text in column(page, 1)} == {"cv-glow"}
    names = page.locator("#bits tbody tr:visible > :nth-child(1)").all_inner_texts()
    assert set(names) == {"cv-glow"}
    assert page.locator("#figures figure:visible").evaluate_all(
        "all => all.every(one => one.dataset.find.startsWith('cv-glow'))"
    )
    box.fill("typicality")
    assert page.locator(".matrix th[scope=col]").all_inner_texts()[3:] == ["typicality"]
    box.fill("low → black")
    assert set(column(page, 3)) == {"black"}
    box.fill("nothing of this name")
    assert page.locator("main section:visible table.sortable tbody tr:visible").count() == 0
    box.fill("")
    assert rows.count() == everything
    assert page.locator("[data-find][hidden], main section[hidden]").count() == 0


def test_the_title_of_a_figure_is_shown_once(report: str, page: "Page", run: Run) -> None:
    page.goto(report)
    assert page.locator("#figures figure img").count() > 0
    assert page.locator("#figures figcaption").count() == 0
