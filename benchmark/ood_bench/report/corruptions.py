"""ID images against themselves, corrupted: AUROC over strength and complexity."""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from ood_bench.hashing import digest
from ood_bench.report.code import source_digest, together
from ood_bench.report.document import Overview
from ood_bench.report.encode import Encoding, encoding_digest
from ood_bench.report.file_cache import FileCache
from ood_bench.report.numbers import ABSENT, decimal, with_interval
from ood_bench.report.texttable import Footnotes, TextTable, numbers, words
from ood_bench.results import Corrupted, Results, Row, untrained

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

STEM = "corruptions-"
STRENGTHS = "Strength"
COMPLEXITY = "PNG bits/dim"
ACROSS = 4
"""Panels beside one another."""


class Response(NamedTuple):
    """The AUROCs of a detector of a model with corrupted ID images as OOD.

    Attributes:
        model: The model.
        inside: The ID set.
        detector: The detector.
        found: The corruption and the pooled AUROC of each set, by kind and strength.
        png_bits: Mean size of the PNG files of each set in bits per dimension, the ID set's under
            its own name; empty without an audit.
    """

    model: str
    inside: str
    detector: str
    found: tuple[tuple[Corrupted, Row], ...]
    png_bits: dict[str, float]

    @property
    def kinds(self) -> list[str]:
        """The kinds of corruption."""
        return list(dict.fromkeys(one.kind for one, _ in self.found))

    def of(self, kind: str) -> list[tuple[Corrupted, Row]]:
        """Return what was measured of one kind, by strength."""
        own = [pair for pair in self.found if pair[0].kind == kind]
        return sorted(own, key=lambda pair: pair[0].strength)

    @property
    def audited(self) -> bool:
        """Whether the complexity of every set is known."""
        return all(name in self.png_bits for name in (self.inside, *self.names))

    @property
    def names(self) -> list[str]:
        """The names of the corrupted sets."""
        return [one.name for one, _ in self.found]

    @property
    def rank_correlation(self) -> float | None:
        """Spearman's correlation of AUROC and complexity, the ID set itself at 0.5.

        None without an audit, or if one of them is constant.
        """
        from scipy.stats import spearmanr

        if not self.audited:
            return None
        areas = [0.5, *(row.value for _, row in self.found)]
        sizes = [self.png_bits[name] for name in (self.inside, *self.names)]
        if len(set(areas)) < 2 or len(set(sizes)) < 2:
            return None
        return float(spearmanr(sizes, areas).statistic)


def responses(results: Results) -> list[Response]:
    """Return what each detector makes of corrupted ID images, in the order of the run."""
    known = {(one.inside, one.name): one for one in results.corrupted}
    bits = {item.name: item.png_bits for item in results.audit.data} if results.audit else {}
    found: dict[tuple[str, str, str], list[tuple[Corrupted, Row]]] = {}
    for row in results.rows:
        one = known.get((row.inside, row.outside))
        if one is not None and row.metric == "auroc" and row.seed == "all":
            found.setdefault((row.model, row.inside, row.detector), []).append((one, row))
    return [Response(*address, tuple(pairs), bits) for address, pairs in found.items()]


def corruptions_table(results: Results) -> TextTable:
    """Return the AUROC of each detector at the highest strength of each corruption."""
    everything = responses(results)
    kinds = list(dict.fromkeys(kind for one in everything for kind in one.kinds))
    rows: list[tuple[str, ...]] = []
    footnotes = Footnotes()
    gray: set[int] = set()
    for one in everything:
        notes = untrained(row.note for _, row in one.found)
        if notes:
            gray.add(len(rows))
        strongest = {kind: one.of(kind)[-1][1] for kind in one.kinds}
        cells = [
            with_interval(row.value, row.low, row.high) if row else ABSENT
            for row in map(strongest.get, kinds)
        ]
        name = f"{one.model} {footnotes.mark(*notes)}".strip()
        rows.append((name, one.inside, one.detector, *cells, decimal(one.rank_correlation)))
    columns = (
        *words("Model", "ID", "Detector"),
        *numbers(*(kind.replace("_", " ").capitalize() for kind in kinds)),
        *numbers("Rank correlation with PNG size"),
    )
    return TextTable(columns, tuple(rows), footnotes.texts, frozenset(gray))


def draw_corruptions(results: Results, cache: FileCache, encoding: Encoding) -> Iterator[Overview]:
    """Draw AUROC over complexity for each model, a panel a detector, unless it is cached.

    Args:
        results: The results of a run.
        cache: The files of the report's folder.
        encoding: Makes a file of a figure.
    """
    code = source_digest(__name__, "ood_bench.analyses.style")
    groups: dict[tuple[str, str], list[Response]] = {}
    for one in responses(results):
        groups.setdefault((one.model, one.inside), []).append(one)
    for (model, inside), shown in groups.items():
        path = f"figures/{STEM}{model}-{inside}.{encoding.suffix}"
        made = partial(_encoded, shown, encoding)
        content = digest([str(one) for one in shown])
        over = "mean PNG bits per dimension" if shown[0].audited else "strength"
        yield Overview(
            f"Corrupted images of {inside} under {model}",
            f"AUROC of ID test images against the same images corrupted, over {over}. A line is a "
            "corruption at strengths 1 to 5, and begins at the ID images themselves (0.5). A "
            "detector that reads complexity alone has all lines on one curve: a rising one if "
            "simple images score as normal, one lowest at the ID images if unusual complexity "
            "scores as OOD. Bars are intervals (of one training: over the choice of test "
            "images only).",
            path,
            cache.file(path, together(content, code, encoding_digest(encoding)), made) or b"",
        )


def _encoded(shown: Sequence[Response], encoding: Encoding) -> bytes:
    return encoding(draw(shown))


def draw(shown: Sequence[Response]) -> "Figure":
    """Draw a panel for each detector, a line for each kind of corruption."""
    from matplotlib.figure import Figure

    from ood_bench.analyses.style import in_order, look, plain

    kinds = list(dict.fromkeys(kind for one in shown for kind in one.kinds))
    colours = in_order(kinds)
    across = min(ACROSS, len(shown))
    down = -(-len(shown) // across)
    with look():
        size = (max(4.0, 1.9 * across + 0.4), 2.1 * down + 0.6)
        figure = Figure(figsize=size, layout="constrained")
        panels = list(figure.subplots(down, across, squeeze=False).ravel())
        for axes, one in zip(panels, shown, strict=False):
            for kind in one.kinds:
                _draw_line(axes, one, kind, colours[kind])
            axes.axhline(0.5, color="0.6", linewidth=0.8, zorder=0)
            axes.set_ylim(-0.04, 1.04)
            axes.set_title(plain(one.detector), loc="left")
            axes.set_xlabel(COMPLEXITY if one.audited else STRENGTHS)
        for axes in panels[::across]:
            axes.set_ylabel("AUROC")
        for axes in panels[len(shown) :]:
            axes.set_axis_off()
        handles, labels = panels[0].get_legend_handles_labels()
        figure.legend(
            handles, labels, loc="outside lower center", ncols=min(4, len(kinds)), frameon=False
        )
    return figure


def _draw_line(axes: "Axes", one: Response, kind: str, colour: tuple[float, float, float]) -> None:
    """Draw one corruption: a growing dot for each strength, joined from the ID images on."""
    from ood_bench.analyses.style import plain

    found = one.of(kind)
    rows = [row for _, row in found]
    places = [one.png_bits[item.name] if one.audited else float(item.strength) for item, _ in found]
    start = one.png_bits[one.inside] if one.audited else 0.0
    axes.plot([start, *places], [0.5, *(row.value for row in rows)], color=colour, linewidth=1.0)
    sizes = [3.0 + 5.0 * item.strength for item, _ in found]
    label = plain(kind.replace("_", " "))
    axes.scatter(places, [row.value for row in rows], sizes, color=[colour], label=label, zorder=3)
    reach = [[row.value - row.low for row in rows], [row.high - row.value for row in rows]]
    axes.errorbar(
        places, [row.value for row in rows], reach, fmt="none", ecolor=colour, elinewidth=0.7
    )
