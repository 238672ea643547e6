"""ID images against themselves, corrupted: table, curve, and what the ranking leaves out."""

from dataclasses import replace

import numpy as np
import pytest

from ood_bench.report.corruptions import (
    COMPLEXITY,
    STRENGTHS,
    corruptions_table,
    draw,
    draw_corruptions,
    responses,
)
from ood_bench.report.file_cache import FileCache
from ood_bench.report.png import SCREEN
from ood_bench.report.ranking import boards
from ood_bench.report.sections import measured_sections
from ood_bench.results import (
    Audit,
    Corrupted,
    DataAudit,
    Nearness,
    Ranking,
    Results,
    Row,
)

INSIDE = "fashion_mnist_20k"
KINDS = ("gaussian_blur", "gaussian_noise")


def audited(name: str, bits: float) -> DataAudit:
    return DataAudit(name, "1×28×28", 9, (1.0,), (1.0,), 1.0, 9, 9.0, 0.5, bits, 0)


@pytest.fixture
def corrupted(results: Results) -> Results:
    """A run in which the likelihood follows complexity and typicality does not."""
    rows, sets, sizes = list(results.rows), [], [audited(INSIDE, 4.0)]
    pattern = next(row for row in rows if row.metric == "auroc" and row.seed == "all")
    for kind, sign in zip(KINDS, (-1, 1), strict=True):
        for strength in range(1, 6):
            name = f"{INSIDE}-{kind}-{strength}"
            sets.append(Corrupted(INSIDE, name, kind, strength))
            sizes.append(audited(name, 4.0 + sign * strength / 2))
            for detector, value in (
                ("likelihood", 0.5 + sign * 0.08 * strength),
                ("typicality", 0.5 + 0.07 * strength),
            ):
                rows.append(auroc(pattern, name, detector, value))
    audit = Audit(tuple(sizes), (), (), distance=1, bits=64, correlation=0.9)
    labels = tuple(Nearness(INSIDE, one.name, "shift", None, None, 0) for one in sets)
    return replace(
        results, rows=tuple(rows), corrupted=tuple(sets), audit=audit, nearness=labels,
        ranking=Ranking("likelihood", {}, (), (), ()),
    )  # fmt: skip


def auroc(pattern: Row, outside: str, detector: str, value: float) -> Row:
    return replace(
        pattern, outside=outside, detector=detector, value=value, low=value - 0.01,
        high=value + 0.01,
    )  # fmt: skip


def test_a_detector_of_complexity_alone_has_the_rank_correlation_one(corrupted: Results) -> None:
    table = corruptions_table(corrupted)
    rows = {row[2]: row[3:] for row in table.rows}
    assert table.headers[3:5] == ("Gaussian blur", "Gaussian noise")
    assert rows["likelihood"] == ("0.100 [0.090, 0.110]", "0.900 [0.890, 0.910]", "1.000")
    blur, noise, correlation = rows["typicality"]
    assert blur == noise == "0.850 [0.840, 0.860]"
    assert abs(float(correlation)) < 0.2


def test_a_curve_begins_at_the_id_images_and_lies_over_their_complexity(corrupted: Results) -> None:
    shown = responses(corrupted)
    figure = draw(shown)
    panels = [axes for axes in figure.axes if axes.axison]
    assert [axes.get_title(loc="left") for axes in panels] == ["likelihood", "typicality"]
    blur = np.asarray(panels[0].get_lines()[0].get_xydata()).tolist()
    assert blur[0] == [4.0, 0.5]
    assert blur[-1] == pytest.approx([1.5, 0.1])
    assert panels[0].get_xlabel() == COMPLEXITY
    bare = draw(responses(replace(corrupted, audit=None)))
    line = np.asarray(bare.axes[0].get_lines()[0].get_xydata()).tolist()
    assert [x for x, _ in line] == [0, 1, 2, 3, 4, 5]
    assert bare.axes[0].get_xlabel() == STRENGTHS


def test_the_section_has_a_figure_of_each_model(corrupted: Results) -> None:
    (overview,) = draw_corruptions(corrupted, FileCache(None), SCREEN)
    assert overview.path == f"figures/corruptions-glow-{INSIDE}.png"
    assert overview.file.startswith(b"\x89PNG")
    sections = {one.name: one for one in measured_sections(corrupted, (overview,))}
    assert sections["corruptions"].overviews == (overview,)
    assert sections["compared"].overviews == ()


def test_the_ranking_leaves_shifted_id_images_out(corrupted: Results) -> None:
    shown = {pair.outside for board in boards(corrupted) for pair in board.pairs}
    assert shown == {"mnist_20k", "constant_0"}
