"""Figures over all detectors of a run: dots with intervals, both directions, a heat map."""

import math
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from ood_bench.hashing import digest
from ood_bench.report.code import source_digest, together
from ood_bench.report.document import Overview
from ood_bench.report.encode import Encoding, encoding_digest
from ood_bench.report.file_cache import FileCache
from ood_bench.report.ranking import (
    DatasetPair,
    RankedDetector,
    RankingBoard,
    boards,
    entries,
)
from ood_bench.results import Results

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

    from ood_bench.analyses.style import Colour

ALONE = 0.06
"""Distance to the nearest other point, in AUROC, from which a point gets a label."""
LETTER, LINE = 0.02, 0.06
"""Width of a letter of a label, and height of a label with its distance from its point: AUROC."""
GRAY = (0.62, 0.62, 0.62)
"""The colour of models that are not trained."""


def draw_overviews(results: Results, cache: FileCache, encoding: Encoding) -> Iterator[Overview]:
    """Draw the figures that rank detectors, unless they are cached; none without a baseline.

    Args:
        results: The results of a run.
        cache: The files of the report's folder.
        encoding: Makes a file of a figure.
    """
    if results.ranking is None or not boards(results):
        return
    rows = [
        (board.heading, entry.name, *map(str, item))
        for board in boards(results)
        for entry in board.detectors
        for item in entry.auroc.items()
    ]
    shown = digest([results.ranking.baseline, *rows])
    code = source_digest(__name__, "ood_bench.report.ranking", "ood_bench.analyses.style")
    format = encoding_digest(encoding)
    for name, title, caption, draw in _figures(results):
        path = f"figures/{name}.{encoding.suffix}"
        file = cache.file(
            path,
            together(shown, code, format),
            partial(_drawn, draw, results, encoding),
        )
        yield Overview(title, caption, path, file or b"")


def _drawn(draw: "Callable[[Results], Figure]", results: Results, encoding: Encoding) -> bytes:
    return encoding(draw(results))


def _figures(
    results: Results,
) -> "Iterator[tuple[str, str, str, Callable[[Results], Figure]]]":
    """Yield name, heading, caption and drawing of each figure."""
    baseline = results.ranking.baseline if results.ranking else ""
    yield (
        "overview-auroc",
        "AUROC of every detector",
        "Dots are AUROC, bars its interval (of one training: over the choice of test images "
        "only). The line at 0.5 is chance; left of it, OOD images score as more normal than ID "
        f"images. Filled dots are the baseline, {baseline}. Ordered by the lowest AUROC, over both "
        "directions where a pair was run in both; groups of images, which are an easier task, "
        "stand apart, and models that are not trained are gray and last.",
        _dots,
    )
    if any(board.both_ways for board in boards(results)):
        yield (
            "overview-directions",
            "Both directions of a pair",
            "A detector at the upper right works in both directions. One at the upper left or the "
            "lower right works in one only: it detects simple images, or complex ones. Points that "
            "lie alone are named. Squares score groups of images, which is an easier task; models "
            "that are not trained are gray.",
            directions,
        )
    yield (
        "overview-heatmap",
        "AUROC of every detector on every pair",
        "Red is below chance: OOD images score as more normal than ID images. Rows are in the "
        "order of the ranking, by the lowest AUROC. Images of each shape "
        "have a panel of their own, and so have groups of images; rows of models that are not "
        "trained are gray.",
        _heat_map,
    )


def _colours(results: Results) -> "Callable[[RankedDetector], Colour]":
    """Return the colour of a detector: that of its model, or gray."""
    from ood_bench.analyses.style import in_order

    known = in_order(list(dict.fromkeys(entry.model for entry in entries(results))))
    return lambda entry: GRAY if entry.untrained else known[entry.model]


def _dots(results: Results) -> "Figure":
    from matplotlib.figure import Figure

    from ood_bench.analyses.style import look, plain

    colour = _colours(results)
    baseline = results.ranking.baseline if results.ranking else ""
    lines = [
        (board, board.pairs[start : start + 2])
        for board in boards(results)
        for start in range(0, len(board.pairs), 2)
    ]
    listed = [[one for one in board.detectors if one.over(line)] for board, line in lines]
    with look():
        across = max(len(line) for _, line in lines)
        size = (2.6 + 3.5 * across, sum(0.17 * len(part) + 0.7 for part in listed) + 0.3)
        figure = Figure(figsize=size, layout="constrained")
        panels = figure.subplots(
            len(lines), across, squeeze=False, height_ratios=[len(part) + 3 for part in listed]
        )
        for row, (board, line), part in zip(panels, lines, listed, strict=True):
            for axes, pair in zip(row, line, strict=False):
                _draw_dots(axes, pair, part, colour, baseline, grouped=board.grouped)
                axes.set_xlabel("AUROC")
            row[0].set_yticks(range(len(part)), [plain(entry.name) for entry in part])
            for axes in row[1:]:
                axes.set_yticks(range(len(part)), [""] * len(part))
            _gray_labels(row[0], part)
            for axes in row[len(line) :]:
                axes.set_axis_off()
    return figure


def _draw_dots(
    axes: "Axes",
    pair: DatasetPair,
    part: list[RankedDetector],
    colour: "Callable[[RankedDetector], Colour]",
    baseline: str,
    *,
    grouped: bool,
) -> None:
    """Draw one pair: a line per detector, the baseline's dot filled."""
    from ood_bench.analyses.style import plain

    axes.axvline(0.5, color="0.6", linewidth=0.8, zorder=0)
    for line, entry in enumerate(part):
        row = entry.auroc.get(pair)
        if row is None:
            continue
        reach = [[row.value - row.low], [row.high - row.value]]
        face = colour(entry) if entry.detector == baseline else "white"
        axes.errorbar(
            row.value, line, xerr=reach, fmt="o", color=colour(entry),
            mfc=face, ms=4, lw=1.0, capsize=0,
        )  # fmt: skip
    axes.set_title(plain(f"{pair}{', groups of images' if grouped else ''}"), loc="left")
    axes.set_xlim(-0.02, 1.02)
    axes.set_ylim(len(part) - 0.4, -0.6)
    axes.grid(axis="y", color="0.93", linewidth=0.6)


def _gray_labels(axes: "Axes", part: list[RankedDetector]) -> None:
    """Make the names of detectors of models that are not trained gray."""
    for label, entry in zip(axes.get_yticklabels(), part, strict=True):
        if entry.untrained:
            label.set_color(GRAY)


def directions(results: Results) -> "Figure":
    """Return the figure of AUROC in one direction of a pair over that in the other."""
    from matplotlib.figure import Figure

    from ood_bench.analyses.style import look, plain

    colour = _colours(results)
    found = boards(results)
    shown = list(dict.fromkeys(pair for board in found for pair in board.both_ways))
    drawn: dict[str, Colour] = {}
    with look():
        figure = Figure(figsize=(max(4.6 * len(shown), 7.0), 5.4), layout="constrained")
        panels = figure.subplots(1, len(shown), squeeze=False).ravel()
        for axes, pair in zip(panels, shown, strict=True):
            reverse = DatasetPair(pair.outside, pair.inside)
            axes.axvline(0.5, color="0.6", linewidth=0.8, zorder=0)
            axes.axhline(0.5, color="0.6", linewidth=0.8, zorder=0)
            points = [
                (entry, entry.auroc[pair].value, entry.auroc[reverse].value)
                for board in found
                for entry in board.detectors
                if pair in entry.auroc and reverse in entry.auroc
            ]
            for entry, x, y in points:
                marker = "s" if entry.grouped else "o"
                axes.plot(x, y, marker, color=colour(entry), ms=6, alpha=0.8, mew=0)
                drawn[f"{entry.model}{' (not trained)' if entry.untrained else ''}"] = colour(entry)
            _name_those_alone(axes, points)
            axes.set_xlim(-0.04, 1.04)
            axes.set_ylim(-0.04, 1.04)
            axes.set_aspect("equal")
            axes.set_xlabel(f"AUROC, {plain(str(pair))}")
            axes.set_ylabel(f"AUROC, {plain(str(reverse))}")
        _key(figure, drawn, grouped=any(board.grouped for board in found))
    return figure


def _name_those_alone(axes: "Axes", points: list[tuple[RankedDetector, float, float]]) -> None:
    """Write the detector's name above each point with no other detector near, if there is room.

    Of points of one detector that are near each other, the uppermost has the name.
    """
    from ood_bench.analyses.style import plain

    named: list[tuple[float, float, float]] = []
    for place, (entry, x, y) in enumerate(points):
        rest = points[:place] + points[place + 1 :]
        others = [(a, b) for other, a, b in rest if other.detector != entry.detector]
        same = [(a, b) for other, a, b in rest if other.detector == entry.detector]
        below = any(b > y and math.dist((x, y), (a, b)) <= ALONE for a, b in same)
        name, side = plain(entry.detector), "left" if x < 0.2 else "right" if x > 0.8 else "center"
        width = LETTER * len(name)
        left = x - width * {"left": 0.0, "center": 0.5, "right": 1.0}[side]
        covers = any(left <= a <= left + width and 0 < b - y < LINE for a, b in others + same)
        meets = any(
            abs(b - y) < LINE and left < start + span and start < left + width
            for start, span, b in named
        )
        near = min((math.dist((x, y), other) for other in others), default=1.0)
        if near > ALONE and not (below or covers or meets):
            named.append((left, width, y))
            axes.annotate(
                name, (x, y), xytext=(0, 5), textcoords="offset points",
                ha=side, va="bottom", fontsize=7,
            )  # fmt: skip


def _key(figure: "Figure", drawn: "dict[str, Colour]", *, grouped: bool) -> None:
    """Add a legend of the models' colours below the panels."""
    from matplotlib.lines import Line2D

    from ood_bench.analyses.style import plain

    handles = [
        Line2D([], [], marker="o", linestyle="", color=colour, label=plain(model))
        for model, colour in drawn.items()
    ]
    if grouped:
        handles.append(
            Line2D(
                [], [], marker="s", linestyle="", color="0.3", mfc="white", label="groups of images"
            )
        )
    figure.legend(handles=handles, loc="outside lower center", ncols=5, frameon=False, fontsize=7)


def _heat_map(results: Results) -> "Figure":
    from matplotlib.figure import Figure

    from ood_bench.analyses.style import look

    found = boards(results)
    widest = max(len(board.pairs) for board in found)
    heights = [0.21 * len(board.detectors) + 0.7 for board in found]
    with look():
        size = (1.15 * widest + 3.4, sum(heights) + 0.4)
        figure = Figure(figsize=size, layout="constrained")
        panels = figure.subplots(len(found), 1, squeeze=False, height_ratios=heights).ravel()
        meshes = [_draw_heat(axes, board) for axes, board in zip(panels, found, strict=True)]
        for axes in panels:
            axes.set_xlim(-0.5, widest - 0.5)
        figure.colorbar(meshes[0], ax=list(panels), label="AUROC", fraction=0.05, aspect=30)
    return figure


def _draw_heat(axes: "Axes", board: RankingBoard) -> "AxesImage":
    """Draw a row for each detector and a column for each pair, untrained ones without colour."""
    from ood_bench.analyses.style import plain

    values = np.array(
        [
            [entry.auroc[pair].value if pair in entry.auroc else np.nan for pair in board.pairs]
            for entry in board.detectors
        ]
    )
    gray = np.array([bool(entry.untrained) for entry in board.detectors])
    coloured = np.where(gray[:, None], np.nan, values)
    mesh = axes.imshow(coloured, vmin=0.0, vmax=1.0, cmap="RdBu", aspect="auto")
    for (line, column), value in np.ndenumerate(values):
        shade = "white" if abs(value - 0.5) > 0.32 else "black"
        text = f"{value:.2f}" if np.isfinite(value) else "–"
        axes.text(
            column, line, text, ha="center", va="center", fontsize=7,
            color=GRAY if gray[line] else shade,
        )  # fmt: skip
    axes.set_yticks(range(len(values)), [plain(entry.name) for entry in board.detectors])
    _gray_labels(axes, board.detectors)
    names = [plain(f"{pair.inside}\n→ {pair.outside}") for pair in board.pairs]
    axes.set_xticks(range(len(names)), names, fontsize=7)
    for side in axes.spines.values():
        side.set_visible(False)
    axes.tick_params(axis="both", length=0)
    axes.xaxis.tick_top()
    if board.grouped:
        axes.set_ylabel("groups of images", fontsize=8)
    return mesh
