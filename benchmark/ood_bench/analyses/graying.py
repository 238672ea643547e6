"""Images drawn towards the mean image, or towards black: the less contrast, the likelier."""

from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ood_bench.analyses import Analysis, Finding, Study
from ood_bench.detectors import Scores
from ood_bench.metrics import delong, mean_bpd
from ood_bench.metrics.measure import percent
from ood_bench.units import legible

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

HALF = 0.5
FACTORS = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1, 0.0)


class Graying(Analysis):
    r"""Likelihoods of $\mu + \lambda (x - \mu)$ as the contrast λ falls from 1 to 0.

    μ is the mean of the inside's training images, pixel by pixel, the point of the paper's
    second-order expansion, or with `to: black` zero; the images are rounded to 8 bits. Either
    shrinks the variance of a data set by λ², and the expansion then predicts a higher likelihood.
    They differ where many pixels are exactly black, as those around FashionMNIST's clothes: drawn
    towards the mean they leave the value on which the model has put most of their probability,
    scaled towards black they keep it.

    The table holds, for each data set and λ (`part` is `mean`), the mean bits per dimension,
    its change from λ = 1 over the same images with the paired interval, and the AUROC of
    −log P(x) with the grayed images as out-of-distribution against the inside's test images as
    they are. Where both sides are the same images, AUROC's interval, which takes them as
    independent, is rather too wide. Rows with `part` = `example` hold the same of single images
    of the inside (`row` is theirs, −1 elsewhere), and their pixels as PNG.

    Args:
        factors: The λ, from 0 to 1; 1 must be among them.
        count: Number of test images of each data set, evenly spaced; all if it has fewer.
        examples: Number of the inside's images to show.
        to: `mean` for the mean of the training images, `black` for zero.

    Reference:
        Nalisnick et al., Do Deep Generative Models Know What They Don't Know?, ICLR 2019,
        arXiv:1810.09136.
    """

    uses_model = True
    title = "Grayed images"
    revision = 2
    added_options = frozenset({"to"})

    def __init__(
        self,
        *,
        factors: tuple[float, ...] = FACTORS,
        count: int = 1000,
        examples: int = 3,
        to: Literal["mean", "black"] = "mean",
    ) -> None:
        if not all(0 <= factor <= 1 for factor in factors):
            raise ValueError(f"factors must lie between 0 and 1, got {factors}")
        if 1 not in factors or len(set(factors)) < 2:
            raise ValueError(f"factors must include 1 and at least one other, got {factors}")
        if not 1 <= examples <= count:
            raise ValueError(
                f"examples must lie between 1 and count, got examples={examples}, count={count}"
            )
        self.factors = sorted(set(factors), reverse=True)
        self.count = count
        self.examples = examples
        self.to = to

    def tabulate(self, study: Study) -> pd.DataFrame:
        """Return bits per dimension, their change and the AUROC of each data set at each λ."""
        from ood_bench.analyses.scoring import log_prob, spread_rows
        from ood_bench.analyses.thumbnails import to_png

        centre = np.zeros(study.shape)
        if self.to == "mean":
            centre = study.images(study.inside, "train").mean(axis=0, dtype=np.float64)
        reference: Scores | None = None
        records = []
        for name in (study.inside, *study.outside):
            images = study.images(name, "test")
            rows = spread_rows(self.count, len(images))
            images = images[rows]
            plain = log_prob(study, images, name)
            reference = plain if reference is None else reference
            shown = spread_rows(self.examples if name == study.inside else 0, len(rows))
            for factor in self.factors:
                grayed = toward(centre, images, factor)
                found = plain
                if factor != 1:
                    found = log_prob(study, grayed, f"{name} at λ = {factor:g}")
                common = {
                    "model": study.model,
                    "inside": study.inside,
                    "data": name,
                    "factor": factor,
                }
                measured = _measured(found, plain, reference, study.shape.dims, self.level)
                records.append({**common, "part": "mean", "row": -1, **measured, "png": None})
                for i in shown:
                    one = slice(i, i + 1)
                    measured = _measured(
                        found[one], plain[one], reference, study.shape.dims, self.level
                    )
                    example = {"part": "example", "row": int(rows[i]), **measured}
                    records.append({**common, **example, "png": to_png(grayed[i])})
        return pd.DataFrame(records)

    def draw(self, table: pd.DataFrame) -> "Figure":
        """Draw bits per dimension and AUROC against λ, and examples below them."""
        from matplotlib.figure import Figure

        from ood_bench.analyses.style import look, trained_on

        first, examples = table.iloc[0], table[table["part"] == "example"]
        number = examples["row"].nunique()
        with look():
            heights = [3.5, 0.62 * number + 0.45]
            figure = Figure(figsize=(7.2, sum(heights)), layout="constrained")
            halves = figure.subfigures(2, 1, squeeze=False, height_ratios=heights)
            _draw_curves(halves[0, 0], table[table["part"] == "mean"])
            _draw_examples(halves[1, 0].subplots(), examples)
            figure.suptitle(trained_on(first), fontsize=9)
        return figure

    def caption(self, table: pd.DataFrame) -> str:
        """Say what λ is, which side is out-of-distribution, and how many images were taken."""
        means = table[table["part"] == "mean"]
        counts = means.drop_duplicates("data")
        listed = ", ".join(
            f"{count:,} of {name}"
            for name, count in zip(counts["data"], counts["count"], strict=True)
        )
        half = _half(table)
        nearest = "" if half == HALF else f" Findings at half contrast are those at λ = {half:g}."
        drawn = {
            "mean": "drawn towards the mean μ of the training images, μ + λ(x − μ)",
            "black": "scaled towards black, λx",
        }[self.to]
        return (
            f"Test images x {drawn}, under {means['model'].iloc[0]} trained on "
            f"{means['inside'].iloc[0]}. Left: mean bits per dimension (lower is more likely) with "
            f"{percent(self.level)} intervals. Right: AUROC of the likelihood with the grayed "
            "images as OOD and the unchanged ID test images as ID; below 0.5 the grayed images "
            f"are likelier. Images: {listed}.{nearest}"
        )

    def findings(self, table: pd.DataFrame) -> tuple[Finding, ...]:
        """Return the change at λ = 0.5 for each data set, and the inside's AUROC there.

        A negative change says that graying raises the likelihood. The names end in `half_black`
        where images are scaled towards black. Where 0.5 is not among the
        factors, the nearest below 1 is taken, and the caption says so.
        """
        inside = table["inside"].iloc[0]
        end = {"mean": "half_gray", "black": "half_black"}[self.to]
        found = []
        for row in table[(table["part"] == "mean") & (table["factor"] == _half(table))].to_dict(
            "records"
        ):
            outside = "" if row["data"] == inside else row["data"]
            change = row["change"], row["change_low"], row["change_high"]
            found.append(Finding(f"bpd_change_{end}", *change, outside=outside))
            if not outside:
                area = row["auroc"], row["auroc_low"], row["auroc_high"]
                found.append(Finding(f"auroc_{end}", *area))
        return tuple(found)

    def heading(self, name: str) -> str:
        """Return the title of a finding, with its unit."""
        at = f"half contrast, towards {self.to}"
        return f"AUROC at {at}" if name.startswith("auroc") else f"Change at {at} (bits/dim)"


def toward(
    centre: NDArray[np.float64], images: NDArray[np.uint8], factor: float
) -> NDArray[np.uint8]:
    """Return μ + λ(x − μ), rounded to 8 bits.

    Args:
        centre: μ, shape `(C, H, W)`, between 0 and 255.
        images: x, shape `(N, C, H, W)`.
        factor: λ between 0 and 1; 1 gives x, 0 gives μ.
    """
    grayed = images - centre
    grayed *= factor
    grayed += centre
    return np.rint(grayed, out=grayed).astype(np.uint8)


def _measured(
    found: Scores, plain: Scores, reference: Scores, dims: int, level: float
) -> dict[str, float | int]:
    """Return the columns of grayed images, given log P of the unchanged and the inside's images."""
    bits, change = (mean_bpd(of, dims, level=level) for of in (found, found - plain))
    area = delong(-reference, -found, level=level)
    return {
        "count": len(found),
        "bits_per_dim": bits.value,
        "low": bits.low,
        "high": bits.high,
        "change": change.value,
        "change_low": change.low,
        "change_high": change.high,
        "auroc": area.value,
        "auroc_low": area.low,
        "auroc_high": area.high,
    }


def _half(table: pd.DataFrame) -> float:
    """Return the factor nearest to 0.5 that is not 1."""
    factors = (float(factor) for factor in table["factor"].unique() if factor != 1)
    return min(factors, key=lambda factor: abs(factor - HALF))


def _draw_curves(figure: "SubFigure", means: pd.DataFrame) -> None:
    from ood_bench.analyses.style import data_colours, plain
    from ood_bench.analyses.view import mark_beyond, view

    inside = means["inside"].iloc[0]
    series = list(means.groupby("data", sort=False))
    colours = data_colours([str(name) for name, _ in series])
    spans = {name: (max(part["low"].min(), 0.0), part["high"].max()) for name, part in series}
    low, high = view(spans[inside], spans.values())
    left, right = figure.subplots(1, 2)
    right.axhline(0.5, color="0.75", linewidth=0.8, zorder=0)
    for name, part in series:
        colour = colours[str(name)]
        beyond = part["bits_per_dim"] > high
        label = f"{name} ({'test' if name == inside else 'OOD'})"
        if beyond.any():
            label += f", from {legible(part['bits_per_dim'].iloc[0])}, beyond the axis"
            mark_beyond(left, float(part["factor"][beyond].iloc[-1]), top=True, colour=colour)
        for axes, value, least, most in (
            (left, "bits_per_dim", "low", "high"),
            (right, "auroc", "auroc_low", "auroc_high"),
        ):
            axes.fill_between(
                part["factor"],
                part[least].clip(lower=0),
                part[most],
                where=~beyond if axes is left else None,
                color=colour,
                alpha=0.2,
                linewidth=0,
            )
            style = {"color": colour, "marker": "o", "markersize": 2.5, "linewidth": 1.3}
            axes.plot(part["factor"], part[value], label=plain(label), **style)
    for axes in (left, right):
        axes.set(xlim=(1.02, -0.02), xlabel="λ (grayer →)")
    left.set(ylim=(low, high), ylabel="Bits per dimension (← more likely)")
    right.set(ylim=(-0.06, 1.06), ylabel="AUROC of the likelihood")
    handles, labels = left.get_legend_handles_labels()
    columns = 3 if max(map(len, labels)) < 32 else 2
    figure.legend(handles, labels, loc="outside lower center", ncols=columns, frameon=False)


def _draw_examples(axes: "Axes", examples: pd.DataFrame) -> None:
    from ood_bench.analyses.thumbnails import show_grid

    factors = list(dict.fromkeys(examples["factor"]))
    by_row = examples.sort_values(["row", "factor"], ascending=[True, False])
    show_grid(axes, list(by_row["png"]), columns=len(factors))
    axes.set_xticks(range(len(factors)), [f"{factor:g}" for factor in factors])
    axes.tick_params(length=0, pad=1)
    axes.set_xlabel("λ")
