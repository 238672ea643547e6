"""Complete histograms: fine bins in tables, wider ones in figures."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ood_bench.analyses.view import BEYOND
from ood_bench.detectors import Scores
from ood_bench.units import legible

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ood_bench.analyses.style import Colour

QUANTILES = (0.0, 0.001, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 0.999, 1.0)
FINE_BINS = 512
LEAST_SPREAD = 1e-4
WIDEST = 2.5


def fine_width(values: Scores) -> float:
    """Return the width of fine bins: a power of two, for exact edges, well below the spread."""
    low, high = np.quantile(values, [0.005, 0.995])
    spread = high - low if high - low > LEAST_SPREAD else 1.0
    return float(2.0 ** math.floor(math.log2(spread / FINE_BINS)))


def counted(values: Scores, width: float) -> pd.DataFrame:
    """Return the counts of fine bins (`part` is `bin`) and quantiles (`part` is `quantile`).

    Args:
        values: One number per image, in any unit. Shape `(N,)`.
        width: Width of a bin; edges are multiples of it, and a bin includes its lower edge.

    Returns:
        Columns `part`, `quantile`, `low`, `high`, `count`; a bin without values has no row.
    """
    bins, counts = np.unique(np.floor(values / width), return_counts=True)
    quantiles = np.quantile(values, QUANTILES)
    binned = pd.DataFrame({"part": "bin", "low": bins * width, "high": (bins + 1) * width})
    ranked = pd.DataFrame({"part": "quantile", "low": quantiles, "high": quantiles})
    table = pd.concat(
        [binned.assign(quantile=math.nan, count=counts), ranked.assign(quantile=QUANTILES, count=0)]
    )
    return table[["part", "quantile", "low", "high", "count"]]


@dataclass(frozen=True, eq=False)
class Series:
    """One data set and split: its quantiles, and its counts by the middles of fine bins.

    Attributes:
        data: The data set.
        split: `train` or `test`.
        outside: Whether it is an outside data set.
        quantile: Values by level, for each of `QUANTILES`.
        middle: Middles of bins, or the values themselves.
        count: Number of values at each.
        width: Width of the fine bins; shown bins are unions of them.
    """

    data: str
    split: str
    outside: bool
    quantile: dict[float, float]
    middle: NDArray[np.float64]
    count: NDArray[np.int64]
    width: float

    @classmethod
    def read(cls, table: pd.DataFrame, *, data: str, split: str, outside: bool) -> "Series":
        """Return the series in a table of `counted`."""
        bins, quantiles = table[table["part"] == "bin"], table[table["part"] == "quantile"]
        return cls(
            data=data,
            split=split,
            outside=outside,
            quantile=dict(zip(quantiles["quantile"], quantiles["low"], strict=True)),
            middle=((bins["low"] + bins["high"]) / 2).to_numpy(np.float64),
            count=bins["count"].to_numpy(np.int64),
            width=float((bins["high"] - bins["low"]).iloc[0]),
        )

    @classmethod
    def of(cls, values: Scores, width: float, *, data: str, split: str, outside: bool) -> "Series":
        """Return the series of values without binning."""
        levels = np.quantile(values, QUANTILES).tolist()
        return cls(
            data=data,
            split=split,
            outside=outside,
            quantile=dict(zip(QUANTILES, levels, strict=True)),
            middle=values,
            count=np.ones(len(values), dtype=np.int64),
            width=width,
        )

    @property
    def total(self) -> int:
        """The number of values."""
        return int(self.count.sum())

    def density(self, edges: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the share of values in each bin over the bin's width."""
        shares = np.histogram(self.middle, edges, weights=self.count)[0] / self.total
        return np.asarray(shares / np.diff(edges), dtype=np.float64)

    def is_narrow(self, edges: NDArray[np.float64]) -> bool:
        """Return whether all values are so close together that they are shown as a line."""
        return bool(self.quantile[1.0] - self.quantile[0.0] <= 2 * (edges[1] - edges[0]))

    def beyond(self, edges: NDArray[np.float64]) -> int:
        """Count the values beyond the edges."""
        return int(self.count[(self.middle < edges[0]) | (self.middle > edges[-1])].sum())


def shown(series: Sequence[Series], *, bins: int = 120) -> NDArray[np.float64]:
    """Return the edges of the bins to show, each a union of fine ones, over a fitting range.

    Bins are about as wide as the rule of Freedman and Diaconis has it for the inside's test
    images, 2 · IQR / n^(1/3): the fewer images, the wider.

    Args:
        series: All series of a panel.
        bins: Approximate maximum number of bins; the least is a tenth of it.
    """
    low, high = series_view(series)
    width = series[0].width
    inside = next(s for s in reversed(series) if not s.outside)
    spread = inside.quantile[0.75] - inside.quantile[0.25]
    wanted = min(2 * spread / inside.total ** (1 / 3), 10 * (high - low) / bins)
    while (high - low) / width > bins or width * math.sqrt(2) < wanted:
        width *= 2
    first, last = math.floor(low / width) - 1, math.ceil(high / width) + 1
    return np.arange(first, last + 1, dtype=np.float64) * width


def series_view(series: Sequence[Series]) -> tuple[float, float]:
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


def top_of(series: Sequence[Series], edges: NDArray[np.float64], *, tallest: float = 4.0) -> float:
    """Return the height of the axis: that of the highest peak, unless it dwarfs the inside.

    Args:
        series: All series of a panel.
        edges: Edges of its bins.
        tallest: Maximum height, as a multiple of the inside's peak.
    """
    peaks = [s.density(edges).max() for s in series if not s.is_narrow(edges)]
    inside = [s.density(edges).max() for s in series if not s.outside]
    return float(1.08 * min(max(peaks, default=math.inf), tallest * max(inside)))


def draw_series(
    axes: "Axes", series: Series, edges: NDArray[np.float64], colour: "Colour", label: str
) -> None:
    """Draw a series with area one into a panel whose limits are set.

    Training images are drawn as a dashed outline, values that lie close together as a line, and a
    series that lies mostly beyond the axis as an arrow at its end, on the axis. A second line of
    the label tells what the panel does not show.
    """
    density, top = series.density(edges), axes.get_ylim()[1]
    middle, far = series.quantile[0.5], 2 * series.beyond(edges) > series.total
    label = "\n".join([label, *_unseen(series, edges, cut=density.max() > top)])
    if far:
        inset = 0.015 * (edges[-1] - edges[0])
        below = middle < edges[0]
        x = edges[0] + inset if below else edges[-1] - inset
        marker = "<" if below != axes.xaxis_inverted() else ">"
        before = sum(line.get_gid() == BEYOND for line in axes.lines)
        axes.plot(
            x,
            (0.03 + 0.07 * before) * top,
            marker,
            color=colour,
            markersize=7,
            label=label,
            gid=BEYOND,
        )
    elif series.is_narrow(edges):
        axes.axvline(middle, color=colour, linewidth=1.8, label=label)
    elif series.split == "train":
        axes.stairs(density, edges, color=colour, ls=(0, (4, 1.5)), lw=1.2, label=label)
    else:
        face = (*colour, 0.3)
        axes.stairs(density, edges, fill=True, fc=face, ec=colour, lw=1.2, label=label)


def _unseen(series: Series, edges: NDArray[np.float64], *, cut: bool) -> list[str]:
    """Return a line on what the axes do not show; empty if they show everything."""
    beyond, total, middle = series.beyond(edges), series.total, series.quantile[0.5]
    unseen = []
    if beyond:
        unseen.append(f"{'all' if beyond == total else f'{beyond:,}'} beyond the axis")
    if 2 * beyond > total:
        unseen.append(f"near {legible(middle)}")
    elif cut and not series.is_narrow(edges):
        unseen.append(f"peak of {legible(series.density(edges).max())} cut off")
    return [", ".join(unseen)] if unseen else []
