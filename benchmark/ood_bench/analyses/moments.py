"""Whether a data set sits inside another: mean and variance of every dimension."""

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ood_bench.analyses import Analysis, Finding, Study
from ood_bench.analyses.bins import Series, draw_series, fine_width, shown, top_of
from ood_bench.metrics.measure import Measure, normal_quantile

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CHUNK = 256
SCALE = 255.0
PANELS = {
    "mean": "Mean of a dimension, pixels on [0, 1]",
    "variance": "Variance of a dimension, pixels on [0, 1]",
}


class Moments(Analysis):
    """Mean and variance of each dimension over the images of each data set.

    Pixels are on the scale [0, 1], the 8-bit value over 255; variances are over images, around
    the mean of the dimension. The table holds a row for each dimension (`part` is `dimension`),
    for each channel (`channel`: its mean, and the *sum* of the variances of its pixels, the
    quantity in the second-order expression of the paper) and for each set (`set`: mean and
    variance averaged over dimensions, and the standard error of that variance).

    Reference:
        Nalisnick et al., Do Deep Generative Models Know What They Don't Know?, 2019,
        arXiv:1810.09136, section 5.
    """

    title = "Means and variances of the data"
    needs = ()

    def tabulate(self, study: Study) -> pd.DataFrame:
        """Return the moments of each data set and split."""
        parts = [
            _rows(study.images(name, split)).assign(data=name, split=split)
            for name, split in study.sides
        ]
        table = pd.concat(parts, ignore_index=True).assign(model=study.model, inside=study.inside)
        places, values = ["channel", "row", "column"], ["mean", "variance", "error", "count"]
        return table[["model", "inside", "data", "split", "part", *places, *values]]

    def draw(self, table: pd.DataFrame) -> "Figure":
        """Draw the histograms of both moments over the dimensions, all sets overlaid."""
        from ood_bench.analyses.panels import add_legends, row_of_panels
        from ood_bench.analyses.style import data_colours, look, plain

        first = table.iloc[0]
        dimensions = table[table["part"] == "dimension"]
        colours = data_colours(list(dict.fromkeys(table["data"])))
        with look():
            figure, panels, places = row_of_panels(len(PANELS))
            for (moment, title), axes in zip(PANELS.items(), panels, strict=True):
                series = _series(dimensions, moment)
                edges = shown(series, bins=60)
                axes.set_xlim(edges[0], edges[-1])
                axes.set_ylim(0.0, top_of(series, edges, tallest=2.0))
                for s in series:
                    kind = "OOD" if s.outside else s.split
                    label = plain(f"{s.data} ({kind}) {s.middle.mean():.4f}")
                    draw_series(axes, s, edges, colours[s.data], label)
                axes.set(xlabel=title, ylabel="Density over dimensions")
            legend = "Average over dimensions"
            add_legends(figure, panels, places, title=legend, height=2.7)
            title = f"{first['inside']} and the data sets scored with {first['model']}"
            figure.suptitle(plain(title), fontsize=9)
        return figure

    def caption(self, table: pd.DataFrame) -> str:
        """Say what is counted, and give the variances of the channels."""
        channels = table[(table["part"] == "channel") & (table["split"] == "test")]
        sums = "; ".join(
            f"{data} {', '.join(f'{value:.1f}' for value in part['variance'])}"
            for data, part in channels.groupby("data", sort=False)
        )
        return (
            "Mean and variance of every dimension over the images that "
            f"{table['model'].iloc[0]} is trained and scored on; no model is involved. A data set "
            "with similar means and smaller variances than the ID set sits inside it. Variances "
            f"of the test images, summed over the pixels of each channel: {sums}."
        )

    def findings(self, table: pd.DataFrame) -> tuple[Finding, ...]:
        """Return how each data set compares with the inside's test images.

        Of each outside: `variance_ratio`, its mean variance over the inside's (below 1, it
        varies less), with the normal interval by the delta method, and `mean_within_sd`, the
        share of dimensions whose mean lies within one standard deviation of the inside's mean.
        Of the inside and each outside: `channel_variance_1` and so on, the variance of a
        channel summed over its pixels. An inside without variance has no ratio.
        """
        inside, test = str(table["inside"].iloc[0]), table[table["split"] == "test"]
        dimensions = {str(k): v for k, v in test[test["part"] == "dimension"].groupby("data")}
        spread = {
            str(row["data"]): (float(row["variance"]), float(row["error"]))
            for row in test[test["part"] == "set"].to_dict("records")
        }
        found = [
            Finding(
                f"channel_variance_{row['channel']}",
                row["variance"],
                row["variance"],
                row["variance"],
                "" if row["data"] == inside else row["data"],
            )
            for row in test[test["part"] == "channel"].to_dict("records")
        ]
        own = dimensions[inside]
        for outside in (name for name in spread if name != inside):
            away = np.abs(dimensions[outside]["mean"].to_numpy() - own["mean"].to_numpy())
            share = float((away <= np.sqrt(own["variance"].to_numpy())).mean())
            found.append(Finding("mean_within_sd", share, share, share, outside))
            if spread[inside][0] > 0:
                ratio = quotient(*spread[outside], *spread[inside], level=self.level)
                found.append(Finding("variance_ratio", *ratio, outside))
        return tuple(found)

    def heading(self, name: str) -> str:
        """Return the title of a finding, with its unit."""
        titles = {
            "mean_within_sd": "Share of dimensions with mean within 1 SD of ID",
            "variance_ratio": "Variance, OOD / ID",
        }
        channel = name.removeprefix("channel_variance_")
        return titles.get(name, f"Variance of channel {channel} (sum over pixels)")


class Moment(NamedTuple):
    """Moments of a data set: two arrays `(C, H, W)`, and the error of the mean variance."""

    mean: NDArray[np.float64]
    variance: NDArray[np.float64]
    error: float


def moments(images: NDArray[np.uint8]) -> Moment:
    """Return mean and variance of each dimension of images `(N, C, H, W)`, on [0, 1].

    The variance divides by N. The error is the standard error of the variance averaged over
    dimensions, from the spread over images of their mean squared distance from the mean image.
    Sums are of integer differences from the first image, so that identical images have
    variances of exactly 0.
    """
    origin = images[0].astype(np.int64)
    total, squares = np.zeros_like(origin), np.zeros_like(origin)
    chunks = range(0, len(images), CHUNK)
    for start in chunks:
        away = images[start : start + CHUNK] - origin
        total += away.sum(axis=0)
        squares += np.square(away).sum(axis=0)
    shift = total / len(images)
    variance = (squares / len(images) - shift**2) / SCALE**2
    mean = origin + shift
    distances = np.concatenate(
        [((images[start : start + CHUNK] - mean) ** 2).mean(axis=(1, 2, 3)) for start in chunks]
    )
    error = float(distances.std()) / SCALE**2 / math.sqrt(len(images))
    return Moment(mean / SCALE, variance, error)


def quotient(
    value: float, error: float, base: float, base_error: float, *, level: float = 0.95
) -> Measure:
    """Return value / base with its normal interval by the delta method, cut at 0."""
    ratio = value / base
    reach = normal_quantile(level) * math.hypot(error, ratio * base_error) / base
    return Measure(ratio, max(0.0, ratio - reach), ratio + reach)


def _rows(images: NDArray[np.uint8]) -> pd.DataFrame:
    """Return the rows of one data set and split."""
    mean, variance, error = moments(images)
    channel, row, column = np.indices(mean.shape).reshape(3, -1) + 1
    dimensions = pd.DataFrame(
        {"channel": channel, "row": row, "column": column}
        | {"mean": mean.ravel(), "variance": variance.ravel()}
    ).assign(part="dimension")
    channels = pd.DataFrame(
        {"channel": np.arange(len(mean)) + 1, "row": 0, "column": 0}
        | {"mean": mean.mean(axis=(1, 2)), "variance": variance.sum(axis=(1, 2))}
    ).assign(part="channel")
    whole = pd.DataFrame(
        {"channel": [0], "row": 0, "column": 0, "mean": mean.mean(), "variance": variance.mean()}
    ).assign(part="set")
    table = pd.concat([dimensions, channels, whole], ignore_index=True)
    table["error"] = np.where(table["part"] == "set", error, math.nan)
    return table.assign(count=len(images))


def _series(dimensions: pd.DataFrame, moment: str) -> list[Series]:
    """Return a moment of each data set and split, every dimension counted as it is."""
    inside = dimensions["inside"].iloc[0]
    values = {
        (str(data), str(split)): part[moment].to_numpy(np.float64)
        for (data, split), part in dimensions.groupby(["data", "split"], sort=False)
    }
    width = fine_width(values[inside, "test"])
    return [
        Series.of(own, width, data=data, split=split, outside=data != inside)
        for (data, split), own in values.items()
    ]
