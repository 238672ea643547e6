"""The two terms of a flow's log-likelihood, of inside and outside images."""

import math
from typing import TYPE_CHECKING

import pandas as pd

from ood_bench.analyses import Analysis, Finding, Study
from ood_bench.analyses.bins import Series, counted, draw_series, fine_width, shown, top_of
from ood_bench.detectors import Scores
from ood_bench.metrics.measure import normal_quantile
from ood_bench.units import nats_to_bits

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ood_bench.analyses.style import Colour

TERMS = {"log_prior": "Prior term log p(z)", "log_volume": "Volume term log |dz/dx|"}
GAPS = {"log_prior": "prior_gap", "log_volume": "volume_gap"}


class VolumeSplit(Analysis):
    """The prior term log p(z) and the volume term log |dz/dx| of a flow, side by side.

    Both are in bits per dimension *gained*: larger is more likely, and their sum is minus the
    bits per dimension of the image. The volume term includes the −8 of the 8-bit image, which
    all images share. For each term, data set and split the table holds the counts of fine bins
    and quantiles (`part` is `bin` or `quantile`), the mean (`mean`) and, for the outside, the
    mean minus that of the inside's test images (`gap`), with normal intervals in `low` and
    `high`. A term that is the same for all images of either set, as the volume term of a
    constant-volume flow, has a gap of exactly 0 with an interval of width 0.

    Reference:
        Nalisnick et al., Do Deep Generative Models Know What They Don't Know?, 2019,
        arXiv:1810.09136, section 4.
    """

    needs = ("log_prob", "log_prior", "log_volume")
    title = "Prior term and volume term"

    def tabulate(self, study: Study) -> pd.DataFrame:
        """Return bins, quantiles, means and gaps of either term."""
        reach = normal_quantile(self.level)
        parts = []
        for term in TERMS:
            bits = {
                (name, split): nats_to_bits(study.columns[name, split][term]) / study.shape.dims
                for name, split in study.sides
            }
            inside = bits[study.inside, "test"]
            width = fine_width(inside)
            for (name, split), values in bits.items():
                rows = [counted(values, width), _row("mean", *_mean(values), len(values), reach)]
                if name != study.inside:
                    rows.append(_row("gap", *_gap(values, inside), len(values), reach))
                parts += [part.assign(data=name, split=split, term=term) for part in rows]
        table = pd.concat(parts, ignore_index=True).assign(model=study.model, inside=study.inside)
        columns = ["quantile", "value", "low", "high", "count"]
        return table[["model", "inside", "data", "split", "term", "part", *columns]]

    def draw(self, table: pd.DataFrame) -> "Figure":
        """Draw a panel for each term, with the means of all series below it."""
        from ood_bench.analyses.panels import add_legends, row_of_panels
        from ood_bench.analyses.style import data_colours, look, trained_on

        first = table.iloc[0]
        colours = data_colours(list(dict.fromkeys(table["data"])))
        with look():
            figure, panels, places = row_of_panels(len(TERMS))
            for (term, title), axes in zip(TERMS.items(), panels, strict=True):
                _draw_term(axes, table[table["term"] == term], colours)
                axes.set(title=title, xlabel="Contribution, bits/dim (more likely →)")
            add_legends(figure, panels, places, title="Mean", height=2.9)
            figure.suptitle(trained_on(first), fontsize=9)
        return figure

    def caption(self, table: pd.DataFrame) -> str:
        """Say the sign of the terms, and what a constant volume term looks like."""
        first = table.iloc[0]
        return (
            f"The two terms of the log-likelihood of {first['model']} trained on "
            f"{first['inside']}, in bits per dimension: further to the right is more likely, and "
            "the two terms of an image add up to minus its bits per dimension. The volume term "
            "includes the −8 bits of the 8-bit scale. A term that is equal for all images of a "
            "data set is drawn as a line."
        )

    def findings(self, table: pd.DataFrame) -> tuple[Finding, ...]:
        """Return `prior_gap` and `volume_gap` of each outside data set, in bits per dimension.

        The mean of the term over outside images minus that over the inside's test images:
        positive if the term makes the outside images the likelier ones.
        """
        return tuple(
            Finding(GAPS[row["term"]], row["value"], row["low"], row["high"], row["data"])
            for row in table[table["part"] == "gap"].to_dict("records")
        )

    def heading(self, name: str) -> str:
        """Return the title of a finding, with its unit."""
        return {
            "prior_gap": "Prior term, OOD − ID (bits/dim)",
            "volume_gap": "Volume term, OOD − ID (bits/dim)",
        }[name]


def _draw_term(axes: "Axes", table: pd.DataFrame, colours: "dict[str, Colour]") -> None:
    """Draw all series of a term over one another; one line where all images have one value."""
    from ood_bench.analyses.style import plain, signed

    inside = table["inside"].iloc[0]
    means = table[table["part"] == "mean"].set_index(["data", "split"])["value"]
    series = [
        Series.read(part, data=str(data), split=str(split), outside=data != inside)
        for (data, split), part in table.groupby(["data", "split"], sort=False)
    ]
    values = {s.quantile[level] for s in series for level in (0.0, 1.0)}
    if len(values) == 1:
        (value,) = values
        axes.axvline(value, color="0.2", linewidth=1.8, label=f"all images {signed(value, 3)}")
        axes.set(xlim=(value - 1, value + 1), yticks=[])
        return
    edges = shown(series)
    axes.set(xlim=(edges[0], edges[-1]), ylim=(0.0, top_of(series, edges)), ylabel="Density")
    for s in series:
        kind = "OOD" if s.outside else s.split
        label = plain(f"{s.data} ({kind}) {signed(means[s.data, s.split], 3)}")
        draw_series(axes, s, edges, colours[s.data], label)


def _row(part: str, value: float, error: float, count: int, reach: float) -> pd.DataFrame:
    low, high = value - reach * error, value + reach * error
    record = {"value": value, "low": low, "high": high, "count": count}
    return pd.DataFrame([{"part": part, "quantile": math.nan, **record}])


def _mean(values: Scores) -> tuple[float, float]:
    """Return the mean and its standard error; exact where all values are the same.

    A single value has no spread, and its error is 0.
    """
    away = values - values[0]
    error = float(away.std(ddof=1)) / math.sqrt(len(away)) if len(away) > 1 else 0.0
    return float(values[0] + away.mean()), error


def _gap(outside: Scores, inside: Scores) -> tuple[float, float]:
    """Return the mean of the outside minus that of the inside, and its standard error."""
    (above, e), (below, f) = _mean(outside), _mean(inside)
    return above - below, math.hypot(e, f)
