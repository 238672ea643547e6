"""Histograms of the likelihoods of all images scored: train, test and out-of-distribution."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ood_bench.analyses import Analysis, Split, Study
from ood_bench.detectors import Scores
from ood_bench.units import bits_per_dim

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ood_bench.analyses.style import Colour

QUANTILES = (0.0, 0.001, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 0.999, 1.0)
FINE_BINS = 512
LEAST_SPREAD = 1e-4
SHOWN_BINS = 120
WIDEST = 2.5
TALLEST = 4.0
LEGEND_LINE = 44


class Histogram(Analysis):
    """Likelihood histograms in bits per dimension, on an axis where right is more likely.

    The table holds, for each series, the counts of common fine bins (`part` is `bin`) and
    quantiles (`part` is `quantile`): every image is in a bin, however far out.
    """

    title = "Likelihood histograms"

    def tabulate(self, study: Study) -> pd.DataFrame:
        """Return the counts and quantiles of each data set and split."""
        series = {
            (name, split): bits_per_dim(study.columns[name, split]["log_prob"], study.shape.dims)
            for name, split in _sides(study)
        }
        width = _fine_width(series[study.inside, "test"])
        parts = []
        for (name, split), bits in series.items():
            bins, counts = np.unique(np.floor(bits / width), return_counts=True)
            quantiles = np.quantile(bits, QUANTILES)
            parts += [
                pd.DataFrame(
                    {"part": "bin", "low": bins * width, "high": (bins + 1) * width}
                ).assign(quantile=math.nan, count=counts, data=name, split=split),
                pd.DataFrame({"part": "quantile", "low": quantiles, "high": quantiles}).assign(
                    quantile=QUANTILES, count=0, data=name, split=split
                ),
            ]
        table = pd.concat(parts, ignore_index=True).assign(model=study.model, inside=study.inside)
        return table[
            ["model", "inside", "data", "split", "part", "quantile", "low", "high", "count"]
        ]

    def draw(self, table: pd.DataFrame) -> "Figure":
        """Draw all series over one another, each with area one."""
        from matplotlib.figure import Figure

        from ood_bench.analyses.style import data_colours, look, plain

        first, series = table.iloc[0], _read(table)
        colours = data_colours(list(dict.fromkeys(s.data for s in series)))
        with look():
            figure = Figure(figsize=(6.4, 4.0), layout="constrained")
            axes = figure.subplots()
            edges = _edges(table, *_view(series))
            top = _top(series, edges)
            for s in series:
                _draw_series(axes, s, edges, top, colours[s.data])
            axes.set_xlim(edges[-1], edges[0])
            axes.set_ylim(0.0, top)
            axes.set_xlabel("Bits per dimension, reversed (more likely →)")
            axes.set_ylabel("Density")
            axes.set_title(plain(f"{first['model']} trained on {first['inside']}"))
            _add_legend(figure, axes)
        return figure

    def caption(self, table: pd.DataFrame) -> str:
        """Say how to read the axis, and that every image is counted."""
        first = table.iloc[0]
        return (
            f"Bits per dimension of {first['model']} trained on {first['inside']}. The axis is "
            "reversed: images further to the right have a higher likelihood. Every scored image "
            "is counted, each series has area one, and the legend says how many images lie "
            "beyond the axis."
        )


def _sides(study: Study) -> Iterator[tuple[str, Split]]:
    yield study.inside, "train"
    yield study.inside, "test"
    for name in study.outside:
        yield name, "test"


def _fine_width(inside: Scores) -> float:
    """Return a power of two, so that bin edges are exact, well below the inside's spread."""
    low, high = np.quantile(inside, [0.005, 0.995])
    spread = high - low if high - low > LEAST_SPREAD else 1.0
    return float(2.0 ** math.floor(math.log2(spread / FINE_BINS)))


@dataclass(frozen=True, eq=False)
class _Series:
    """One data set and split: its quantiles, and its counts by the middles of fine bins."""

    data: str
    split: str
    outside: bool
    quantile: dict[float, float]
    middle: NDArray[np.float64]
    count: NDArray[np.int64]

    @property
    def total(self) -> int:
        """How many images the series has."""
        return int(self.count.sum())

    def density(self, edges: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the share of images in each bin over the bin's width."""
        shares = np.histogram(self.middle, edges, weights=self.count)[0] / self.total
        return np.asarray(shares / np.diff(edges), dtype=np.float64)

    def is_narrow(self, edges: NDArray[np.float64]) -> bool:
        """Tell whether all images lie so close together that a line shows them best."""
        return bool(self.quantile[1.0] - self.quantile[0.0] <= 2 * (edges[1] - edges[0]))

    def beyond(self, edges: NDArray[np.float64]) -> int:
        """Count the images that lie beyond the edges."""
        return int(self.count[(self.middle < edges[0]) | (self.middle > edges[-1])].sum())


def _read(table: pd.DataFrame) -> list[_Series]:
    inside = table["inside"].iloc[0]
    series = []
    for (data, split), part in table.groupby(["data", "split"], sort=False):
        bins, quantiles = part[part["part"] == "bin"], part[part["part"] == "quantile"]
        series.append(
            _Series(
                data=str(data),
                split=str(split),
                outside=data != inside,
                quantile=dict(zip(quantiles["quantile"], quantiles["low"], strict=True)),
                middle=((bins["low"] + bins["high"]) / 2).to_numpy(np.float64),
                count=bins["count"].to_numpy(np.int64),
            )
        )
    return series


def _view(series: list[_Series]) -> tuple[float, float]:
    """Return the range to show: the inside's, and the outside's as far as they are near."""
    inside = [s for s in series if not s.outside]
    low = min(s.quantile[0.001] for s in inside)
    high = max(s.quantile[0.999] for s in inside)
    middle, widest = (low + high) / 2, WIDEST * (high - low) or math.inf
    for s in sorted(series, key=lambda s: abs(s.quantile[0.5] - middle)):
        wider = min(low, s.quantile[0.001]), max(high, s.quantile[0.999])
        if wider[1] - wider[0] <= widest:
            low, high = wider
    margin = 0.04 * (high - low)
    return low - margin, high + margin


def _edges(table: pd.DataFrame, low: float, high: float) -> NDArray[np.float64]:
    """Return the edges of the bins to show, each a union of fine bins, that cover a range."""
    fine = table[table["part"] == "bin"].iloc[0]
    width = float(fine["high"] - fine["low"])
    while (high - low) / width > SHOWN_BINS:
        width *= 2
    first, last = math.floor(low / width) - 1, math.ceil(high / width) + 1
    return np.arange(first, last + 1, dtype=np.float64) * width


def _top(series: list[_Series], edges: NDArray[np.float64]) -> float:
    """Return the height of the axis: that of the highest peak, unless it dwarfs the inside."""
    peaks = [s.density(edges).max() for s in series if not s.is_narrow(edges)]
    inside = [s.density(edges).max() for s in series if not s.outside]
    return float(1.08 * min(max(peaks, default=math.inf), TALLEST * max(inside)))


def _draw_series(
    axes: "Axes", series: _Series, edges: NDArray[np.float64], top: float, colour: "Colour"
) -> None:
    density = series.density(edges)
    middle, far = series.quantile[0.5], 2 * series.beyond(edges) > series.total
    label = _label(series, edges, cut=density.max() > top)
    if far:
        inset = 0.015 * (edges[-1] - edges[0])
        likelier = middle < edges[0]
        x, marker = (edges[0] + inset, ">") if likelier else (edges[-1] - inset, "<")
        axes.plot(x, top / 2, marker, color=colour, markersize=7, label=label)
    elif series.is_narrow(edges):
        axes.axvline(middle, color=colour, linewidth=1.8, label=label)
    elif series.split == "train":
        axes.stairs(density, edges, color=colour, ls=(0, (4, 1.5)), lw=1.2, label=label)
    else:
        face = (*colour, 0.3)
        axes.stairs(density, edges, fill=True, fc=face, ec=colour, lw=1.2, label=label)


def _label(series: _Series, edges: NDArray[np.float64], *, cut: bool) -> str:
    """Return a series' line of the legend, with a second on what the axes do not show."""
    from ood_bench.analyses.style import plain

    beyond, total, middle = series.beyond(edges), series.total, series.quantile[0.5]
    label = f"{series.data} ({'OOD' if series.outside else series.split}), n = {total:,}"
    unseen = []
    if beyond:
        unseen.append(f"{'all' if beyond == total else f'{beyond:,}'} beyond the axis")
    if 2 * beyond > total:
        unseen.append(f"near {middle:.1f}")
    elif cut and not series.is_narrow(edges):
        unseen.append(f"peak of {series.density(edges).max():.1f} cut off")
    if unseen:
        label += f"\n{', '.join(unseen)}"
    return plain(label)


def _add_legend(figure: "Figure", axes: "Axes") -> None:
    handles, labels = axes.get_legend_handles_labels()
    longest = max(len(line) for label in labels for line in label.splitlines())
    figure.legend(
        handles,
        labels,
        loc="outside lower center",
        ncols=2 if longest <= LEGEND_LINE else 1,
        handlelength=1.6,
        frameon=False,
    )
