"""Histograms of the likelihoods of all images scored: train, test and out-of-distribution."""

from typing import TYPE_CHECKING

import pandas as pd

from ood_bench.analyses import Analysis, Study
from ood_bench.analyses.bins import Series, counted, draw_series, fine_width, shown, top_of
from ood_bench.units import bits_per_dim

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LEGEND_LINE = 44


class Histogram(Analysis):
    """Likelihood histograms in bits per dimension, on an axis where right is more likely.

    The table holds, for each series, the counts of common fine bins (`part` is `bin`) and
    quantiles (`part` is `quantile`): every image is in a bin, however far out.
    """

    title = "Likelihood histograms"
    menu = "Histograms"

    def tabulate(self, study: Study) -> pd.DataFrame:
        """Return the counts and quantiles of each data set and split."""
        series = {
            (name, split): bits_per_dim(study.columns[name, split]["log_prob"], study.shape.dims)
            for name, split in study.sides
        }
        width = fine_width(series[study.inside, "test"])
        parts = [
            counted(bits, width).assign(data=name, split=split)
            for (name, split), bits in series.items()
        ]
        table = pd.concat(parts, ignore_index=True).assign(model=study.model, inside=study.inside)
        return table[
            ["model", "inside", "data", "split", "part", "quantile", "low", "high", "count"]
        ]

    def draw(self, table: pd.DataFrame) -> "Figure":
        """Draw all series over one another, each with area one."""
        from matplotlib.figure import Figure

        from ood_bench.analyses.style import data_colours, look, plain, trained_on

        first, series = table.iloc[0], self.series(table)
        colours = data_colours(list(dict.fromkeys(s.data for s in series)))
        with look():
            figure = Figure(figsize=(6.4, 4.0), layout="constrained")
            axes = figure.subplots()
            edges = shown(series)
            top = top_of(series, edges)
            axes.set_xlim(edges[-1], edges[0])
            axes.set_ylim(0.0, top)
            for s in series:
                kind = "OOD" if s.outside else s.split
                label = plain(f"{s.data} ({kind}), n = {s.total:,}")
                draw_series(axes, s, edges, colours[s.data], label)
            axes.set_xlabel("Bits per dimension, reversed (more likely →)")
            axes.set_ylabel("Density")
            axes.set_title(trained_on(first))
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

    def series(self, table: pd.DataFrame) -> tuple[Series, ...]:
        """Return the series that the table holds."""
        inside = table["inside"].iloc[0]
        return tuple(
            Series.read(part, data=str(data), split=str(split), outside=data != inside)
            for (data, split), part in table.groupby(["data", "split"], sort=False)
        )


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
