"""Figures over all detectors of a run: dots with intervals, both directions, a heat map."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from ood_bench.hashing import digest
from ood_bench.report.code import source_digest, together
from ood_bench.report.document import Overview
from ood_bench.report.encode import Encoding, encoding_digest
from ood_bench.report.file_cache import FileCache
from ood_bench.report.ranking import DatasetPair, RankedDetector, both_ways, entries, pairs
from ood_bench.results import Results

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def draw_overviews(results: Results, cache: FileCache, encoding: Encoding) -> Iterator[Overview]:
    """Draw the figures that rank detectors, unless they are cached; none without a baseline.

    Args:
        results: The results of a run.
        cache: The files of the report's folder.
        encoding: Makes a file of a figure.
    """
    if results.ranking is None or not entries(results):
        return
    rows = [(e.name, *map(str, item)) for e in entries(results) for item in e.auroc.items()]
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
        f"images. Filled dots are the baseline, {baseline}.",
        _dots,
    )
    if both_ways(results):
        yield (
            "overview-directions",
            "Both directions of a pair",
            "A detector at the upper right works in both directions. One at the upper left or the "
            "lower right works in one only: it detects simple images, or complex ones.",
            _directions,
        )
    yield (
        "overview-heatmap",
        "AUROC of every detector on every pair",
        "Red is below chance: OOD images score as more normal than ID images.",
        _heat_map,
    )


def _models(found: list[RankedDetector]) -> dict[str, tuple[float, float, float]]:
    """Return a colour for each model."""
    from ood_bench.analyses.style import data_colours

    return data_colours(list(dict.fromkeys(entry.model for entry in found)))


def _dots(results: Results) -> "Figure":
    from matplotlib.figure import Figure

    from ood_bench.analyses.style import look, plain

    found, shown = entries(results), pairs(results)
    colours = _models(found)
    baseline = results.ranking.baseline if results.ranking else ""
    lines = [shown[start : start + 2] for start in range(0, len(shown), 2)]
    listed = [
        [entry for entry in found if any(pair in entry.auroc for pair in line)] for line in lines
    ]
    with look():
        size = (9.6, sum(0.17 * len(part) + 0.7 for part in listed) + 0.3)
        figure = Figure(figsize=size, layout="constrained")
        panels = figure.subplots(
            len(lines), 2, squeeze=False, height_ratios=[len(part) + 3 for part in listed]
        )
        for row, line, part in zip(panels, lines, listed, strict=True):
            for axes, pair in zip(row, line, strict=False):
                _draw_dots(axes, pair, part, colours, baseline)
            row[0].set_yticks(range(len(part)), [plain(entry.name) for entry in part])
            row[1].set_yticks(range(len(part)), [""] * len(part))
            for axes in row[len(line) :]:
                axes.set_axis_off()
        for axes in panels[-1]:
            axes.set_xlabel("AUROC")
    return figure


def _draw_dots(
    axes: "Axes",
    pair: DatasetPair,
    part: list[RankedDetector],
    colours: dict[str, tuple[float, float, float]],
    baseline: str,
) -> None:
    """Draw one pair: a line per detector, the baseline's dot filled."""
    from ood_bench.analyses.style import plain

    axes.axvline(0.5, color="0.6", linewidth=0.8, zorder=0)
    for line, entry in enumerate(part):
        row = entry.auroc.get(pair)
        if row is None:
            continue
        reach = [[row.value - row.low], [row.high - row.value]]
        face = colours[entry.model] if entry.detector == baseline else "white"
        axes.errorbar(
            row.value, line, xerr=reach, fmt="o", color=colours[entry.model],
            mfc=face, ms=4, lw=1.0, capsize=0,
        )  # fmt: skip
    axes.set_title(plain(str(pair)), loc="left")
    axes.set_xlim(-0.02, 1.02)
    axes.set_ylim(len(part) - 0.4, -0.6)
    axes.grid(axis="y", color="0.93", linewidth=0.6)


def _directions(results: Results) -> "Figure":
    from matplotlib.figure import Figure

    from ood_bench.analyses.style import look, plain

    found, shown = entries(results), both_ways(results)
    colours = _models(found)
    with look():
        figure = Figure(figsize=(max(4.6 * len(shown), 7.0), 6.2), layout="constrained")
        panels = figure.subplots(1, len(shown), squeeze=False).ravel()
        numbers = {
            name: i for i, name in enumerate(dict.fromkeys(entry.detector for entry in found), 1)
        }
        for axes, pair in zip(panels, shown, strict=True):
            reverse = DatasetPair(pair.outside, pair.inside)
            axes.axvline(0.5, color="0.6", linewidth=0.8, zorder=0)
            axes.axhline(0.5, color="0.6", linewidth=0.8, zorder=0)
            points = [
                (entry, entry.auroc[pair].value, entry.auroc[reverse].value)
                for entry in found
                if pair in entry.auroc and reverse in entry.auroc
            ]
            for entry, x, y in points:
                axes.plot(x, y, "o", color=colours[entry.model], ms=9, alpha=0.8, mew=0)
                axes.annotate(
                    str(numbers[entry.detector]), (x, y), ha="center", va="center",
                    fontsize=6, color="white",
                )  # fmt: skip
            axes.set_xlim(-0.04, 1.04)
            axes.set_ylim(-0.04, 1.04)
            axes.set_aspect("equal")
            axes.set_xlabel(f"AUROC, {plain(str(pair))}")
            axes.set_ylabel(f"AUROC, {plain(str(reverse))}")
        _key(figure, numbers, colours)
    return figure


def _key(
    figure: "Figure", numbers: dict[str, int], colours: dict[str, tuple[float, float, float]]
) -> None:
    """Add a legend below the panels: the detectors' numbers and the models' colours."""
    from matplotlib.lines import Line2D

    from ood_bench.analyses.style import plain

    handles = [
        Line2D([], [], marker="o", linestyle="", color=colour, label=plain(model))
        for model, colour in colours.items()
    ] + [
        Line2D([], [], linestyle="", label=f"{number}  {plain(name)}")
        for name, number in numbers.items()
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=5, frameon=False, fontsize=7)


def _heat_map(results: Results) -> "Figure":
    from matplotlib.figure import Figure

    from ood_bench.analyses.style import look, plain

    found, shown = entries(results), pairs(results)
    values = np.array(
        [
            [entry.auroc[pair].value if pair in entry.auroc else np.nan for pair in shown]
            for entry in found
        ]
    )
    with look():
        size = (1.15 * len(shown) + 3.4, 0.21 * len(found) + 1.3)
        figure = Figure(figsize=size, layout="constrained")
        axes = figure.subplots()
        mesh = axes.imshow(values, vmin=0.0, vmax=1.0, cmap="RdBu", aspect="auto")
        figure.colorbar(mesh, ax=axes, label="AUROC", fraction=0.05)
        for (line, column), value in np.ndenumerate(values):
            shade = "white" if abs(value - 0.5) > 0.32 else "black"
            text = f"{value:.2f}" if np.isfinite(value) else "–"
            axes.text(column, line, text, ha="center", va="center", fontsize=7, color=shade)
        axes.set_yticks(range(len(found)), [plain(entry.name) for entry in found])
        names = [plain(f"{pair.inside}\n→ {pair.outside}") for pair in shown]
        axes.set_xticks(range(len(shown)), names, fontsize=7)
        for side in axes.spines.values():
            side.set_visible(False)
        axes.tick_params(axis="both", length=0)
        axes.xaxis.tick_top()
    return figure
