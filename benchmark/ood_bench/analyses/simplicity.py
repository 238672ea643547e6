"""Whether simpler images are likelier: likelihood against variance and complexity."""

import math
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import rankdata

from ood_bench.analyses import Analysis, Finding, Study
from ood_bench.analyses.bins import Series, series_view
from ood_bench.detectors import Scores
from ood_bench.metrics import Measure
from ood_bench.metrics.measure import normal_quantile, percent
from ood_bench.units import bits_per_dim, legible

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ood_bench.analyses.style import Colour

CHUNK = 1024
POINTS = 1000
SCALE = 255.0
AGAINST = {
    "variance": "Variance of the image, pixels on [0, 1]",
    "complexity": "PNG file size, bits per dimension",
}


class Simplicity(Analysis):
    """Log-likelihood against the variance of an image's pixels and the length of its PNG.

    The variance is over all pixels and channels of an image on the scale [0, 1]. Spearman's
    rank correlation with log P(x) is taken over all test images of each data set (`part` is
    `correlation`), and over those of all data sets together (`pooled`); below 0, simpler
    images are likelier. If all images of a set have the same value, there is no correlation and
    no row. The points to draw (`point`) are at most 1,000 evenly spaced images of each set.
    """

    needs = ("log_prob", "complexity_png")
    title = "Likelihood and simplicity"

    def tabulate(self, study: Study) -> pd.DataFrame:
        """Return the points and correlations of each data set."""
        names, dims = (study.inside, *study.outside), study.shape.dims
        test = {name: study.columns[name, "test"] for name in names}
        log_prob = {name: columns["log_prob"] for name, columns in test.items()}
        measured = {
            "variance": {name: image_variance(study.images(name, "test")) for name in names},
            "complexity": {name: test[name]["complexity_png"] / dims for name in names},
        }
        parts = []
        for against, values in measured.items():
            for name in names:
                rows = _even(len(values[name]))
                bits = bits_per_dim(log_prob[name][rows], dims)
                points = pd.DataFrame({"x": values[name][rows], "bits_per_dim": bits})
                found = _correlation(values[name], log_prob[name], "correlation", self.level)
                parts += [
                    points.assign(part="point", count=1, data=name, against=against),
                    found.assign(data=name, against=against),
                ]
            everything = [np.concatenate(list(by.values())) for by in (values, log_prob)]
            pooled = _correlation(everything[0], everything[1], "pooled", self.level)
            parts.append(pooled.assign(data="", against=against))
        table = pd.concat([part for part in parts if len(part)], ignore_index=True).assign(
            model=study.model, inside=study.inside
        )
        columns = ["x", "bits_per_dim", "value", "low", "high", "count"]
        return table[["model", "inside", "data", "against", "part", *columns]]

    def draw(self, table: pd.DataFrame) -> "Figure":
        """Draw a panel for each measure of simplicity, with the correlations below it."""
        from ood_bench.analyses.panels import add_legends, row_of_panels
        from ood_bench.analyses.style import data_colours, look, plain, trained_on

        first, points = table.iloc[0], table[table["part"] == "point"]
        names = [str(name) for name in dict.fromkeys(points["data"])]
        colours = data_colours(names)
        low, high = _range(points, str(first["inside"]))
        with look():
            figure, panels, places = row_of_panels(len(AGAINST))
            for (against, title), axes in zip(AGAINST.items(), panels, strict=True):
                part = table[table["against"] == against]
                axes.set_ylim(high, low)
                for name in names:
                    own = part[part["data"] == name]
                    kind = "test" if name == first["inside"] else "OOD"
                    label = plain(f"{name} ({kind}) {_label(own[own['part'] == 'correlation'])}")
                    _scatter(axes, own[own["part"] == "point"], colours[name], label)
                pooled = _label(part[part["part"] == "pooled"])
                axes.plot([], [], " ", label=f"all sets pooled {pooled}")
                axes.set_xlabel(title)
            panels[0].set_ylabel("Bits per dimension (more likely →)")
            legend = "Spearman's ρ with log P(x)"
            add_legends(figure, panels, places, title=legend, height=3.1)
            figure.suptitle(trained_on(first), fontsize=9)
        return figure

    def caption(self, table: pd.DataFrame) -> str:
        """Say what the points and numbers are."""
        first = table.iloc[0]
        return (
            f"Bits per dimension under {first['model']} trained on {first['inside']} against two "
            f"measures of simplicity, for at most {POINTS:,} test images of each data set. The "
            "vertical axis is reversed: images further up have a higher likelihood. The legend "
            f"gives Spearman's rank correlation with log P(x) and its {percent(self.level)} "
            "interval over all test images; below 0, simpler images are likelier."
        )

    def findings(self, table: pd.DataFrame) -> tuple[Finding, ...]:
        """Return `spearman_variance` and `spearman_complexity` of the inside and each outside.

        Names that end in `_pooled` are over the inside's test images and all outside ones. A set
        whose images all have the same variance, length or likelihood has no finding.
        """
        found = table[table["part"].isin(["correlation", "pooled"])]
        return tuple(
            Finding(
                f"spearman_{row['against']}{'_pooled' if row['part'] == 'pooled' else ''}",
                row["value"],
                row["low"],
                row["high"],
                "" if row["data"] == row["inside"] else row["data"],
            )
            for row in found.to_dict("records")
        )

    def heading(self, name: str) -> str:
        """Return the title of a finding, with its unit."""
        against = "pixel variance" if "variance" in name else "PNG file size"
        pooled = ", pooled" if name.endswith("_pooled") else ""
        return f"Spearman's ρ with {against}{pooled}"


def image_variance(images: NDArray[np.uint8]) -> Scores:
    """Return the variance over all values of each image `(N, C, H, W)`, on [0, 1], `(N,)`.

    Example:
        >>> image_variance(np.array([[[[0, 255]]], [[[7, 7]]]], dtype=np.uint8))
        array([0.25, 0.  ])
    """
    parts = [
        images[start : start + CHUNK].var(axis=(1, 2, 3), dtype=np.float64)
        for start in range(0, len(images), CHUNK)
    ]
    return np.concatenate(parts) / SCALE**2


def spearman(x: Scores, y: Scores, *, level: float = 0.95) -> Measure | None:
    r"""Return Spearman's rank correlation with an interval by Fisher's z; None without one.

    The error of $z = \mathrm{artanh}\,\rho$ is $\sqrt{(1 + \rho^2 / 2) / (n - 3)}$. With three
    pairs or fewer it is undefined, and the interval is [-1, 1].

    Reference:
        Bonett & Wright, Sample size requirements for estimating Pearson, Kendall and Spearman
        correlations, Psychometrika 2000.
    """
    a, b = (rankdata(values) - (len(values) + 1) / 2 for values in (x, y))
    spread = math.sqrt(float(a @ a) * float(b @ b))
    if not spread:
        return None
    rho = min(1.0, max(-1.0, float(a @ b) / spread))
    if len(x) <= 3:
        return Measure(rho, -1.0, 1.0)
    if abs(rho) == 1:
        return Measure(rho, rho, rho)
    z, error = math.atanh(rho), math.sqrt((1 + rho**2 / 2) / (len(x) - 3))
    reach = normal_quantile(level) * error
    return Measure(rho, math.tanh(z - reach), math.tanh(z + reach))


def _correlation(x: Scores, y: Scores, part: str, level: float) -> pd.DataFrame:
    """Return the row of a correlation; no row where there is none."""
    found = spearman(x, y, level=level)
    rows = [] if found is None else [{"part": part, **found._asdict(), "count": len(x)}]
    return pd.DataFrame(rows)


def _even(count: int) -> NDArray[np.int64]:
    """Return at most `POINTS` evenly spaced rows of this many."""
    few = min(count, POINTS)
    return np.arange(few, dtype=np.int64) * count // few


def _range(points: pd.DataFrame, inside: str) -> tuple[float, float]:
    """Return the bits per dimension to show."""
    return series_view(
        [
            Series.of(
                part["bits_per_dim"].to_numpy(np.float64),
                1.0,
                data=str(name),
                split="test",
                outside=name != inside,
            )
            for name, part in points.groupby("data", sort=False)
        ]
    )


def _label(found: pd.DataFrame) -> str:
    """Return a correlation and its interval as the legend shows them."""
    from ood_bench.analyses.style import signed

    if found.empty:
        return "–"
    value, low, high = (signed(found[column].iloc[0], 2) for column in ("value", "low", "high"))
    return f"{value} [{low}, {high}]"


def _scatter(axes: "Axes", points: pd.DataFrame, colour: "Colour", label: str) -> None:
    """Draw the points within the panel; a mark and the label tell how many lie beyond it."""
    from ood_bench.analyses.view import mark_beyond

    high, low = axes.get_ylim()
    y = points["bits_per_dim"]
    within = (low <= y) & (y <= high)
    beyond = len(y) - int(within.sum())
    if beyond:
        mark_beyond(axes, float(points["x"][~within].median()), top=y.median() < low, colour=colour)
    if beyond == len(y):
        label += f"\nall beyond the axis, near {legible(y.median())}"
    elif beyond:
        label += f"\n{beyond:,} of {len(y):,} points beyond the axis"
    axes.plot(
        points["x"][within],
        y[within],
        "o",
        ms=2.2,
        mew=0,
        alpha=0.45,
        color=colour,
        rasterized=True,
    )
    axes.plot([], [], "o", ms=5, mew=0, color=colour, label=label)
