"""The compact table of a paper: detectors down, pairs across, the best of each column bold."""

import html
import statistics
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Literal, TypeAlias

from ood_bench.errors import OodBenchError, did_you_mean
from ood_bench.metrics import MetricSpec
from ood_bench.metrics.measure import percent
from ood_bench.report.escape import escape
from ood_bench.report.numbers import ABSENT, decimal, names
from ood_bench.report.ranking import DatasetPair
from ood_bench.report.tex import stressed, tex
from ood_bench.results import Results, Row, untrained

if TYPE_CHECKING:
    import pandas as pd

Spread = Literal["mean-sd", "mean-interval", "mean"]
"""What stands beside a mean: its standard deviation over training seeds, its interval, nothing."""

ALPHA = 0.05

Tied: TypeAlias = Callable[
    [DatasetPair, str, str, Sequence[tuple[str, str]]], Sequence[float | None]
]
"""From a pair, the model and detector with its best AUROC, and others: the p-value of each that its
AUROC is the same, corrected for their number; None where no test is possible."""


@dataclass(frozen=True)
class CompactCell:
    """A value of the table.

    Attributes:
        mean: The mean over training seeds.
        spread: What stands beside it: empty, `± sd`, or `[low, high]`.
        best: Whether it is the best of its column.
        tied: Whether the paired test does not tell it from the best.
    """

    mean: float
    spread: str
    best: bool = False
    tied: bool = False

    @property
    def text(self) -> str:
        """The value and its spread."""
        return f"{decimal(self.mean)} {self.spread}".strip()


@dataclass(frozen=True)
class CompactColumn:
    """A column: a pair, and a metric with its description."""

    pair: DatasetPair
    metric: MetricSpec


@dataclass(frozen=True, repr=False)
class CompactTable:
    """Detectors down, pairs across.

    Attributes:
        columns: The columns.
        rows: Model, detector, and a cell for each column; None where nothing was measured. A
            detector of groups of images is marked `†`; it is not compared with the others.
        caption: What the values are, in sentences with `**` around words to stress.
    """

    columns: tuple[CompactColumn, ...]
    rows: tuple[tuple[str, str, tuple[CompactCell | None, ...]], ...]
    caption: str

    def __repr__(self) -> str:
        """Return it as Markdown."""
        return self.markdown().strip()

    def _heads(self) -> list[str]:
        several = len({column.metric.name for column in self.columns}) > 1
        return [
            f"{column.pair} {column.metric.heading}" if several else str(column.pair)
            for column in self.columns
        ]

    @property
    def _models(self) -> bool:
        return len({model for model, _, _ in self.rows}) > 1

    def _names(self, model: str, detector: str) -> list[str]:
        return [model, detector] if self._models else [detector]

    def frame(self) -> "pd.DataFrame":
        """Return the means: a row for each model and detector, a column for each pair and metric.

        The columns have the levels `inside`, `outside` and `metric`.
        """
        import pandas as pd

        index = pd.MultiIndex.from_tuples(
            [row[:2] for row in self.rows], names=["model", "detector"]
        )
        columns = pd.MultiIndex.from_tuples(
            [(*column.pair, column.metric.name) for column in self.columns],
            names=["inside", "outside", "metric"],
        )
        values = [[cell.mean if cell else None for cell in cells] for _, _, cells in self.rows]
        return pd.DataFrame(values, index=index, columns=columns, dtype="float64")

    def markdown(self) -> str:
        """Return it as Markdown: the best values bold, those tied with them underlined."""
        first = ["Model", "Detector"] if self._models else ["Detector"]
        lines = [[*first, *map(escape, self._heads())]]
        lines.append([":---"] * len(first) + ["---:"] * len(self.columns))
        for model, detector, cells in self.rows:
            shown = [_marked(cell, "**{}**", "<u>{}</u>") for cell in cells]
            lines.append([*map(escape, self._names(model, detector)), *shown])
        rows = "\n".join(f"| {' | '.join(line)} |" for line in lines)
        return f"{rows}\n\n{self.caption}\n"

    def _repr_html_(self) -> str:
        """Return it as HTML, for notebooks."""
        first = ["Model", "Detector"] if self._models else ["Detector"]
        head = "".join(f"<th>{html.escape(name)}</th>" for name in [*first, *self._heads()])
        rows = []
        for model, detector, cells in self.rows:
            names = [html.escape(name) for name in self._names(model, detector)]
            shown = [_marked(cell, "<b>{}</b>", "<u>{}</u>", html.escape) for cell in cells]
            rows.append("".join(f"<td>{text}</td>" for text in [*names, *shown]))
        body = "".join(f"<tr>{row}</tr>" for row in rows)
        parts = html.escape(self.caption).split("**")
        caption = "".join(f"<b>{part}</b>" if i % 2 else part for i, part in enumerate(parts))
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table><p>{caption}</p>"

    def latex(self) -> str:
        r"""Return it as LaTeX to `\input`, one page wide; it needs booktabs and graphicx."""
        first = ["Model", "Detector"] if self._models else ["Detector"]
        bold, line = "\\textbf{{{}}}", "\\underline{{{}}}"
        rows = []
        former = ""
        for model, detector, cells in self.rows:
            own = self._names("" if model == former else model, detector)
            if self._models and former not in ("", model):
                rows.append(r"\addlinespace")
            former = model
            shown = [_marked(cell, bold, line, tex) for cell in cells]
            rows.append(rf"{' & '.join([*map(tex, own), *shown])} \\")
        head = rf"{' & '.join([*first, *map(tex, self._heads())])} \\"
        aligned = f"{'l' * len(first)}{'r' * len(self.columns)}"
        table = [rf"\begin{{tabular}}{{@{{}}{aligned}@{{}}}}", r"\toprule", head, r"\midrule"]
        table += [*rows, r"\bottomrule", r"\end{tabular}%"]
        body = "\n".join(table)
        return (
            "% \\usepackage{booktabs,graphicx}\n\\begin{table*}\n\\centering\n"
            "\\setlength{\\belowcaptionskip}{6pt}\n"
            f"\\caption{{{stressed(self.caption)}}}\n\\label{{tab:compact}}\n"
            "\\resizebox{\\ifdim\\width>\\linewidth\\linewidth\\else\\width\\fi}{!}{%\n"
            f"{body}\n}}\n\\end{{table*}}\n"
        )


def compact_table(
    results: Results,
    *,
    metrics: Sequence[str] = ("auroc",),
    models: Sequence[str] = (),
    detectors: Sequence[str] = (),
    pairs: Sequence[str] = (),
    spread: Spread = "mean-sd",
    tied: Tied | None = None,
) -> CompactTable:
    """Return the compact table of a run.

    Args:
        results: The results.
        metrics: Names of metrics, as in `report --format csv`.
        models: Globs over models; default: all.
        detectors: Globs over detectors; default: all.
        pairs: Globs over pairs, written `inside:outside`; default: all.
        spread: What stands beside the means.
        tied: The paired test between the best AUROC of a column and the others; default: none.

    Raises:
        OodBenchError: If a metric is unknown, a glob matches nothing, or nothing is left.
    """
    known = {spec.name: spec for spec in results.metrics}
    for metric in metrics:
        if metric not in known:
            raise OodBenchError(f"no metric '{metric}' in this run{did_you_mean(metric, known)}")
    rows = [row for row in results.rows if row.metric in metrics and row.detector]
    rows = _chosen(rows, "model", models, lambda row: row.model)
    rows = _chosen(rows, "detector", detectors, lambda row: row.detector)
    rows = _chosen(rows, "pair", pairs, lambda row: f"{row.inside}:{row.outside}")
    if not rows:
        raise OodBenchError("no detector was measured in this run: there is no compact table")
    pooled = {_place(row): row for row in rows if row.seed == "all"}
    single: dict[tuple[str, str, DatasetPair, str], list[float]] = defaultdict(list)
    for row in rows:
        if row.seed != "all":
            single[_place(row)].append(row.value)
    shown = dict.fromkeys(DatasetPair(row.inside, row.outside) for row in rows)
    columns = tuple(CompactColumn(pair, known[metric]) for pair in shown for metric in metrics)
    listed = list(dict.fromkeys((row.model, row.detector) for row in rows))
    grouped = {(row.model, row.detector) for row in rows if row.grouped}
    cells: dict[tuple[str, str], list[CompactCell | None]] = {entry: [] for entry in listed}
    for column in columns:
        for entry, cell in _column(column, listed, pooled, single, grouped, spread, tied).items():
            cells[entry].append(cell)
    caption = _caption(results, columns, spread, single, grouped, tested=tied is not None)
    bare = dict.fromkeys(
        f"{row.model} trained on {row.inside}" for row in rows if untrained([row.note])
    )
    if bare:
        caption += f" Not compared, since nothing was learned: {names([*bare])}."
    made = (
        (model, f"{detector}†" if (model, detector) in grouped else detector, tuple(found))
        for (model, detector), found in cells.items()
    )
    return CompactTable(columns, tuple(made), caption)


def _place(row: Row) -> tuple[str, str, DatasetPair, str]:
    return row.model, row.detector, DatasetPair(row.inside, row.outside), row.metric


def _chosen(
    rows: list[Row], kind: str, globs: Sequence[str], name: Callable[[Row], str]
) -> list[Row]:
    """Return the rows whose name one of the globs matches; all without globs."""
    if not globs:
        return rows
    known = dict.fromkeys(map(name, rows))
    for glob in globs:
        if not any(fnmatchcase(one, glob) for one in known):
            raise OodBenchError(f"no {kind} '{glob}' in this run{did_you_mean(glob, known)}")
    return [row for row in rows if any(fnmatchcase(name(row), glob) for glob in globs)]


def _column(
    column: CompactColumn,
    listed: Sequence[tuple[str, str]],
    pooled: dict[tuple[str, str, DatasetPair, str], Row],
    single: dict[tuple[str, str, DatasetPair, str], list[float]],
    grouped: set[tuple[str, str]],
    spread: Spread,
    tied: Tied | None,
) -> dict[tuple[str, str], CompactCell | None]:
    """Return the cells of a column, by model and detector."""
    metric = column.metric
    rows = {entry: pooled.get((*entry, column.pair, metric.name)) for entry in listed}
    measured = {
        entry: row
        for entry, row in rows.items()
        if row and entry not in grouped and not untrained([row.note])
    }
    sign = 1.0 if metric.higher_is_better else -1.0
    top = max((sign * row.value for row in measured.values()), default=None)
    best = [entry for entry, row in measured.items() if sign * row.value == top]
    others = [entry for entry in measured if entry not in best]
    ties = set()
    if tied is not None and metric.name == "auroc" and best and others:
        p = tied(column.pair, *best[0], others)
        ties = {
            entry for entry, one in zip(others, p, strict=True) if one is not None and one >= ALPHA
        }
    found: dict[tuple[str, str], CompactCell | None] = {}
    for entry, row in rows.items():
        if row is None:
            found[entry] = None
            continue
        beside = _beside(row, single[*entry, column.pair, metric.name], spread)
        found[entry] = CompactCell(row.value, beside, entry in best, entry in ties)
    return found


def _beside(row: Row, values: Sequence[float], spread: Spread) -> str:
    if spread == "mean-interval":
        return f"[{decimal(row.low)}, {decimal(row.high)}]"
    if spread == "mean-sd" and len(values) > 1:
        return f"± {decimal(statistics.stdev(values))}"
    return ""


def _caption(
    results: Results,
    columns: Sequence[CompactColumn],
    spread: Spread,
    single: dict[tuple[str, str, DatasetPair, str], list[float]],
    grouped: set[tuple[str, str]],
    *,
    tested: bool,
) -> str:
    """Return what the values of the table are."""
    specs = list(dict.fromkeys(column.metric for column in columns))
    better = [f"{one.heading} ({'1' if one.higher_is_better else '0'} is best)" for one in specs]
    parts = [f"{names(better)} of each detector, trained on → scored against."]
    seeds = {len(values) for values in single.values()}
    if seeds == {1}:
        parts.append("One training of each model.")
    elif spread == "mean-sd":
        parts.append("Mean ± standard deviation over the training seeds, where there are several.")
    else:
        parts.append("Mean over the training seeds.")
    if spread == "mean-interval":
        parts.append(f"In brackets the interval of the mean, coverage {percent(results.level)}.")
    tested = tested and any(one.name == "auroc" for one in specs)
    return " ".join([*parts, *marks(tested=tested, grouped=bool(grouped))])


def marks(*, tested: bool, grouped: bool) -> list[str]:
    """Return the sentences of a caption about bold, underlined and marked entries.

    Args:
        tested: Whether AUROCs were tested against the best.
        grouped: Whether a detector scores groups of images.
    """
    parts = ["**Bold**: the best of the column."]
    if tested:
        parts.append(
            "Underlined: an AUROC that DeLong's paired test on the same images does not tell from "
            f"the best (p ≥ {ALPHA:g}, Holm's correction in the column)."
        )
    if grouped:
        parts.append("†: scores groups of images, and is not compared with the others.")
    return parts


def _marked(
    cell: CompactCell | None, bold: str, line: str, escaped: Callable[[str], str] = str
) -> str:
    if cell is None:
        return escaped(ABSENT)
    text = escaped(cell.text)
    return bold.format(text) if cell.best else line.format(text) if cell.tied else text
