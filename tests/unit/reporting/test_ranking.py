"""Rankings compare like with like: shapes and groups of images apart, untrained models nowhere."""

from dataclasses import replace

import pytest
from tests.unit.reporting.conftest import make_row

from ood_bench.report import overview, run_document
from ood_bench.report.file_cache import FileCache
from ood_bench.report.html.page import html
from ood_bench.report.latex import latex
from ood_bench.report.overview import draw_overviews
from ood_bench.report.png import SCREEN
from ood_bench.report.ranking import RankingBoard, boards, ranking_table
from ood_bench.results import GROUPED, Cost, Ranking, Results, Row
from ood_bench.statistics.passes import Passes

SHAPES = {"fashion": "1×28×28", "mnist": "1×28×28", "cifar": "3×32×32", "svhn": "3×32×32"}
GRAY = (("fashion", "mnist"), ("mnist", "fashion"))
COLOUR = (("cifar", "svhn"),)


def measured(model: str, detector: str, pair: tuple[str, str], value: float, note: str = "") -> Row:
    inside, outside = pair
    return make_row(
        "auroc", value, model=model, detector=detector, inside=inside, outside=outside,
        seed="all", note=note, n_outside=100,
    )  # fmt: skip


@pytest.fixture
def ranked(results: Results) -> Results:
    """A Glow, one that is not trained, a classifier on both shapes, and groups of images."""
    rows = [
        measured(model, detector, pair, value, note)
        for model, detector, value, note, pairs in (
            ("glow", "likelihood", 0.2, "", GRAY),
            ("glow", "typicality", 0.8, "", GRAY),
            ("glow", "typicality-10", 0.99, f"{GROUPED}10 images", GRAY),
            ("lazy", "likelihood", 0.97, "not trained: lazy has 8.10 bits", GRAY),
            ("classifier", "msp", 0.7, "", (GRAY[0], *COLOUR)),
        )
        for pair in pairs
    ]
    (card,) = results.data
    return replace(
        results,
        rows=tuple(rows),
        data=tuple(replace(card, name=name, shape=shape) for name, shape in SHAPES.items()),
        ranking=Ranking("likelihood", {}, (), (), ()),
        analyses=(),
    )


def names(board: RankingBoard) -> list[tuple[str, str]]:
    return [(entry.model, entry.detector) for entry in board.detectors]


def test_groups_of_images_and_each_shape_have_a_ranking_of_their_own(ranked: Results) -> None:
    found = {board.heading: names(board) for board in boards(ranked)}
    assert found == {
        "Detector ranking, 1×28×28 images": [
            ("glow", "typicality"), ("glow", "likelihood"), ("classifier", "msp"),
            ("lazy", "likelihood"),
        ],
        "Detector ranking, groups of 1×28×28 images": [("glow", "typicality-10")],
        "Detector ranking, 3×32×32 images": [("classifier", "msp")],
    }  # fmt: skip
    sections = [s for s in run_document(ranked).sections if s.name.startswith("compared")]
    assert [section.heading for section in sections] == list(found)


def test_a_model_that_is_not_trained_is_gray_and_has_no_rank(ranked: Results) -> None:
    board, *_ = boards(ranked)
    assert ("lazy", "likelihood") not in board.ranks()
    assert board.ranks()["glow", "typicality"] == 1
    table = ranking_table(ranked, board)
    assert table.gray == {3}
    assert table.rows[3][table.headers.index("Mean rank")] == "–"
    assert '<tr data-find class="gray"><td class="tight">lazy' in html(run_document(ranked))
    assert r"\textcolor{gray}{lazy" in latex(run_document(ranked))["tables/compared.tex"]
    assert r"\textcolor{gray}{lazy" in latex(run_document(ranked))["tables/detection.tex"]


def test_a_mean_says_over_how_many_pairs_it_is(ranked: Results) -> None:
    gray, _, colour = boards(ranked)
    table = ranking_table(ranked, gray)
    mean = table.headers.index("Mean of 2 pairs")
    assert [row[mean] for row in table.rows] == ["0.800", "0.200", "0.700 (of 1)", "0.970"]
    headers = ranking_table(ranked, colour).headers
    assert headers[-4:] == ("cifar → svhn", "Rank", "Passes/image", "ms/image")


def test_cost_is_stated_as_passes_and_as_time(ranked: Results) -> None:
    assert ranked.ranking is not None
    costs = (
        Cost("glow", *GRAY[0], "likelihood", 2.0, Passes(1)),
        Cost("glow", *GRAY[1], "likelihood", 4.0, Passes(2)),
        Cost("glow", *GRAY[0], "typicality", 2.0),
    )
    ranking = replace(ranked.ranking, costs=costs)
    table = ranking_table(replace(ranked, ranking=ranking), boards(ranked)[0])
    assert [row[-2:] for row in table.rows][:3] == [("–", "2.00"), ("1.5 F", "3.00"), ("–", "–")]


def test_cost_and_trainings_are_those_of_the_pairs_of_the_table(ranked: Results) -> None:
    assert ranked.ranking is not None
    costs = (
        Cost("classifier", *GRAY[0], "msp", 1.0, Passes(1)),
        Cost("classifier", *COLOUR[0], "msp", 5.0, Passes(2)),
    )
    seeds = [
        replace(row, seed=seed)
        for row in ranked.rows
        if (row.model, row.detector) == ("glow", "typicality")
        for seed in ("0", "1", "2")[: 3 if (row.inside, row.outside) == GRAY[0] else 1]
    ]
    changed = replace(
        ranked, rows=(*ranked.rows, *seeds), ranking=replace(ranked.ranking, costs=costs)
    )
    gray, _, colour = boards(changed)
    assert ranking_table(changed, gray).rows[2][-2:] == ("1 F", "1.00")
    assert ranking_table(changed, colour).rows[0][-2:] == ("2 F", "5.00")
    assert ranking_table(changed, gray).rows[0][3] == "3 trainings or one training"


def test_the_ranking_is_ordered_by_the_worst_of_both_directions(ranked: Results) -> None:
    """One direction at 0.99 does not help a detector whose other one is at 0.3."""
    rows = [
        *(row for row in ranked.rows if row.model == "lazy" or row.grouped),
        *(
            measured("glow", detector, pair, value)
            for detector, values in {
                "simple": (0.99, 0.3), "fair": (0.6, 0.7), "poor": (0.2, 0.9), "half": (0.95,),
            }.items()
            for pair, value in zip(GRAY, values, strict=False)
        ),
    ]  # fmt: skip
    board, grouped = boards(replace(ranked, rows=tuple(rows)))
    order = ["glow · fair", "glow · simple", "glow · poor", "glow · half", "lazy · likelihood"]
    assert [entry.name for entry in board.detectors] == order
    assert names(grouped) == [("glow", "typicality-10")]
    table = ranking_table(replace(ranked, rows=tuple(rows)), board)
    worst = table.headers.index("Worst")
    assert [row[worst] for row in table.rows[:3]] == ["0.600", "0.300", "0.200"]


def test_each_overview_can_be_drawn(ranked: Results) -> None:
    drawn = list(draw_overviews(ranked, FileCache(None), SCREEN))
    assert [one.path for one in drawn] == [
        f"figures/overview-{name}.png" for name in ("auroc", "directions", "heatmap")
    ]
    assert all("groups of images" in one.caption for one in drawn)


def test_directions_are_not_drawn_if_each_model_has_one(ranked: Results) -> None:
    rows = tuple(
        measured(model, "likelihood", pair, 0.9)
        for model, pair in zip(("first", "second"), GRAY, strict=True)
    )
    drawn = draw_overviews(replace(ranked, rows=rows), FileCache(None), SCREEN)
    assert [one.path for one in drawn] == [
        f"figures/overview-{name}.png" for name in ("auroc", "heatmap")
    ]


def test_names_in_the_figure_of_both_directions_cover_neither_each_other_nor_a_dot(
    ranked: Results,
) -> None:
    places = {
        "gradient_fisher": (0.80, 0.98), "sitn": (0.67, 0.97), "input_gradient_norm": (0.76, 0.6),
        "fisher": (0.7, 0.625), "likelihood": (0.06, 0.99),
    }  # fmt: skip
    rows = tuple(
        measured("glow", detector, pair, value)
        for detector, values in places.items()
        for pair, value in zip(GRAY, values, strict=True)
    )
    near = (0.08, 0.97)
    rows += tuple(
        measured("cv-glow", "likelihood", pair, value)
        for pair, value in zip(GRAY, near, strict=True)
    )
    figure = overview.directions(replace(ranked, rows=rows))
    figure.draw_without_rendering()
    (axes,) = figure.axes
    labels = {text.get_text(): text.get_window_extent() for text in axes.texts}
    assert sorted(text.get_text() for text in axes.texts) == sorted(labels), "each once"
    assert set(labels) == {"gradient_fisher", "fisher", "likelihood"}
    dots = [axes.transData.transform(place) for place in [*places.values(), near]]
    for name, box in labels.items():
        assert not any(box.contains(*dot) for dot in dots)
        assert not any(box.overlaps(other) for key, other in labels.items() if key != name)
