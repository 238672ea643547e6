"""Models that are variants of one: their options, and AUROC against each of them."""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from ood_bench.hashing import digest
from ood_bench.report.code import source_digest, together
from ood_bench.report.document import Overview
from ood_bench.report.encode import Encoding, encoding_digest
from ood_bench.report.file_cache import FileCache
from ood_bench.report.numbers import ABSENT
from ood_bench.report.ranking import DatasetPair
from ood_bench.report.texttable import TextTable, words
from ood_bench.results import Results, Row, Variant

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

STEM = "variants-"
SAID = "Models that differ in these options alone. Every other table has a row for each of them."


def variants_table(results: Results) -> TextTable:
    """Return the options of each variant."""
    axes = list(dict.fromkeys(axis for one in results.variants.values() for axis in one.axes))
    rows = tuple(
        (name, one.of, *(str(one.axes.get(axis, ABSENT)) for axis in axes))
        for name, one in results.variants.items()
    )
    return TextTable(words("Model", "Variant of", *axes), rows)


def draw_variants(results: Results, cache: FileCache, encoding: Encoding) -> Iterator[Overview]:
    """Draw AUROC against each option in which variants differ, unless it is cached.

    Args:
        results: The results of a run.
        cache: The files of the report's folder.
        encoding: Makes a file of a figure.
    """
    rows = [row for row in results.rows if row.metric == "auroc" and row.seed == "all"]
    rows = [row for row in rows if row.model in results.variants]
    models = {row.model for row in rows}
    code = source_digest(__name__, "ood_bench.analyses.style")
    for of in dict.fromkeys(one.of for one in results.variants.values()):
        own = {
            name: one for name, one in results.variants.items() if one.of == of and name in models
        }
        axes = dict.fromkeys(axis for one in own.values() for axis in one.axes)
        for axis in axes:
            if len({one.axes[axis] for one in own.values()}) < 2:
                continue
            shown = [row for row in rows if row.model in own]
            values = [str(vars(row)) for row in shown]
            of_all = together(digest([axis, *values]), code, encoding_digest(encoding))
            path = f"figures/{STEM}{of}-{axis}.{encoding.suffix}"
            made = partial(_encoded, shown, own, axis, encoding)
            yield Overview(
                f"AUROC of {of} against {axis}",
                "Dots are AUROC, bars its interval (of one training: over the choice of test "
                "images only). The line at 0.5 is chance.",
                path,
                cache.file(path, of_all, made) or b"",
            )


def _encoded(
    rows: Sequence[Row], variants: dict[str, Variant], axis: str, encoding: Encoding
) -> bytes:
    return encoding(draw(rows, variants, axis))


def draw(rows: Sequence[Row], variants: dict[str, Variant], axis: str) -> "Figure":
    """Draw AUROC against one option: a panel for each pair, a line for each detector.

    Args:
        rows: Pooled AUROCs of the variants.
        variants: The variants by name.
        axis: The option. Models that differ in other options as well are lines of their own.
    """
    from matplotlib.figure import Figure

    from ood_bench.analyses.style import look

    pairs = list(dict.fromkeys(DatasetPair(row.inside, row.outside) for row in rows))
    ticks = list(dict.fromkeys(one.axes[axis] for one in variants.values()))
    if all(isinstance(tick, int | float) for tick in ticks):
        ticks = sorted(ticks)
    with look():
        height = 2.6 * -(-len(pairs) // 3)
        figure = Figure(figsize=(7.2, height + 0.4), layout="constrained")
        panels = figure.subplots(-(-len(pairs) // 3), min(3, len(pairs)), squeeze=False).ravel()
        for axes, pair in zip(panels, pairs, strict=False):
            own = [row for row in rows if (row.inside, row.outside) == pair]
            _draw_panel(axes, str(pair), own, variants, axis, ticks)
        for axes in panels[len(pairs) :]:
            axes.set_axis_off()
        handles, labels = panels[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=3, frameon=False)
    return figure


def _draw_panel(
    axes: "Axes",
    title: str,
    rows: Sequence[Row],
    variants: dict[str, Variant],
    axis: str,
    ticks: Sequence[Any],
) -> None:
    """Draw one pair; values have equal distances, and lines are set apart a little."""
    from ood_bench.analyses.style import in_order, plain

    detectors = list(dict.fromkeys(row.detector for row in rows))
    colours = in_order(detectors)
    lines: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        others = {key: value for key, value in variants[row.model].axes.items() if key != axis}
        label = ", ".join([row.detector, *(f"{key} {value}" for key, value in others.items())])
        lines.setdefault((row.detector, label), []).append(row)
    styles: dict[str, int] = {}
    for number, ((detector, label), found) in enumerate(lines.items()):
        style = styles.setdefault(label.partition(", ")[2], len(styles))
        found = sorted(found, key=lambda row: ticks.index(variants[row.model].axes[axis]))
        shift = 0.3 * ((number + 0.5) / len(lines) - 0.5)
        places = [ticks.index(variants[row.model].axes[axis]) + shift for row in found]
        axes.errorbar(
            places,
            [row.value for row in found],
            [[row.value - row.low for row in found], [row.high - row.value for row in found]],
            label=plain(label),
            color=colours[detector],
            linestyle=("-", "--", ":", "-.")[style % 4],
            marker="os^D"[style % 4],
            markersize=4,
            elinewidth=0.8,
        )
    axes.axhline(0.5, color="0.6", linewidth=0.8, zorder=0)
    axes.set_ylim(-0.03, 1.03)
    axes.set_xticks(range(len(ticks)), [plain(str(tick)) for tick in ticks])
    axes.set_xlabel(plain(axis))
    axes.set_ylabel("AUROC")
    axes.set_title(plain(title))
