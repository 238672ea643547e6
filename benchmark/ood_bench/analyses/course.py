"""The course of training: bits per dimension of inside and outside over the steps."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ood_bench.analyses import Analysis, Finding, Study
from ood_bench.metrics.measure import normal_quantile, percent
from ood_bench.units import legible

if TYPE_CHECKING:
    from matplotlib.figure import Figure

REACH = 12.0
"""Range of a figure, in bits per dimension above the inside's lowest."""


class Course(Analysis):
    """Bits per dimension at logarithmically spaced steps of training, and where they cross.

    Measured in the training run itself, on a few images of each data set. A crossing is a
    change of which of the two is likelier, an outside data set or the inside's test images,
    between two probes at which their difference is clear: its interval does not include 0.

    Reference:
        Nalisnick et al., Do Deep Generative Models Know What They Don't Know?, 2019,
        arXiv:1810.09136, section 4.
    """

    title = "Likelihood during training"
    needs = ()
    uses_course = True

    def tabulate(self, study: Study) -> pd.DataFrame:
        """Return one row per step and data set; `gap` is outside minus inside, in bits/dim."""
        if study.course is None:
            raise ValueError("the study has no course of training; set uses_course")
        data = study.course["data"].str.rpartition("/")
        table = study.course.assign(data=data[0], split=data[2])
        inside = table[(table["data"] == study.inside) & (table["split"] == "test")]
        at = inside.set_index("step")
        gap = table["bits_per_dim"] - table["step"].map(at["bits_per_dim"])
        gap_error = (table["error"] ** 2 + table["step"].map(at["error"]) ** 2) ** 0.5
        outside = table["data"] != study.inside
        return table.assign(
            model=study.model,
            inside=study.inside,
            gap=gap.where(outside),
            gap_error=gap_error.where(outside),
        )

    def draw(self, table: pd.DataFrame) -> "Figure":
        """Draw a line per data set over the steps, its error as a band."""
        from matplotlib.figure import Figure

        from ood_bench.analyses.style import data_colours, look, plain, trained_on
        from ood_bench.analyses.view import mark_beyond

        first = table.iloc[0]
        colours = data_colours(list(dict.fromkeys(table["data"])))
        low, high = _view(table)
        reach = normal_quantile(self.level)
        with look():
            figure = Figure(figsize=(6.4, 3.8), layout="constrained")
            axes = figure.subplots()
            for (data, split), line in table.groupby(["data", "split"], sort=False):
                train = split == "train"
                label = f"{data} ({'train' if train else 'test'})"
                colour = colours[str(data)]
                bits, error = line["bits_per_dim"], reach * line["error"]
                beyond = bits > high
                if beyond.all():
                    label += f"\nall beyond the axis, from {legible(bits.min())}"
                elif beyond.any():
                    label += f"\n{beyond.sum()} of {len(line)} probes beyond the axis"
                if beyond.any():
                    mark_beyond(axes, float(line["step"][beyond].iloc[-1]), top=True, colour=colour)
                style = (0, (4, 1.5)) if train else "-"
                axes.plot(line["step"], bits, color=colour, ls=style, lw=1.4, label=plain(label))
                axes.fill_between(
                    line["step"],
                    (bits - error).clip(lower=0),
                    bits + error,
                    where=~beyond,
                    color=colour,
                    alpha=0.15,
                    lw=0,
                )
            axes.set_xscale("symlog", linthresh=1)
            axes.set_xlim(left=0)
            axes.set_ylim(low, high)
            axes.set_xlabel("Training steps")
            axes.set_ylabel("Bits per dimension (← more likely)")
            axes.set_title(trained_on(first))
            figure.legend(loc="outside lower center", ncols=2, frameon=False)
        return figure

    def caption(self, table: pd.DataFrame) -> str:
        """Say what the lines are, and whether any crosses."""
        first = table.iloc[0]
        crossing = []
        for name, line in table[table["gap"].notna()].groupby("data", sort=False):
            steps = self._crossings(line)
            where = f"at step {', '.join(f'{step:,}' for step in steps)}" if steps else "nowhere"
            crossing.append(f"{name} {where}")
        low, high = int(table["images"].min()), int(table["images"].max())
        count = f"{low}" if low == high else f"{low} to {high}"
        return (
            f"Bits per dimension (lower is more likely) of {count} images of each data set while "
            f"{first['model']} was trained on {first['inside']}; bands are {percent(self.level)} "
            "intervals. A latent-variable model is scored by its ELBO. Where the curve of an OOD "
            f"data set crosses that of the ID test images: {'; '.join(crossing)}."
        )

    def findings(self, table: pd.DataFrame) -> tuple[Finding, ...]:
        """Return the crossings, and the gap to the inside's test images at the end of training.

        `largest_gap_bpd` is the largest gap over the steps after the first tenth of training. If
        it is below 0, the outside data set is the likelier one at every such step.
        """
        found: list[Finding] = []
        for name, line in table[table["gap"].notna()].groupby("data", sort=False):
            last = line.iloc[-1]
            learned = line[line["step"] >= last["step"] / 10]
            largest = learned.loc[learned["gap"].idxmax()]
            crossings = float(len(self._crossings(line)))
            found += [
                Finding("crossings", crossings, crossings, crossings, str(name)),
                self._gap("largest_gap_bpd", largest),
                self._gap("last_gap_bpd", last),
            ]
        return tuple(found)

    def heading(self, name: str) -> str:
        """Return the title of a finding, with its unit."""
        return {
            "crossings": "Crossings",
            "largest_gap_bpd": "Largest gap OOD − ID after 10 % of training (bits/dim)",
            "last_gap_bpd": "Final gap OOD − ID (bits/dim)",
        }[name]

    def _gap(self, name: str, row: "pd.Series[float]") -> Finding:
        value = float(row["gap"])
        reach = normal_quantile(self.level) * float(row["gap_error"])
        return Finding(name, value, value - reach, value + reach, str(row["data"]))

    def _crossings(self, line: pd.DataFrame) -> list[int]:
        """Return the steps at which the sign of the gap has changed beyond its error."""
        clear = line[line["gap"].abs() > normal_quantile(self.level) * line["gap_error"]]
        signs = np.sign(clear["gap"].to_numpy())
        return [int(step) for step in clear["step"].to_numpy()[1:][signs[1:] != signs[:-1]]]


def _view(table: pd.DataFrame) -> tuple[float, float]:
    """Return a range of bits per dimension that shows the inside and the data sets near it."""
    inside = table.loc[table["data"] == table["inside"], "bits_per_dim"]
    limit = float(inside.min()) + REACH
    nearest = table.groupby("data")["bits_per_dim"].transform("min")
    bits = table.loc[nearest < limit, "bits_per_dim"]
    low = float(bits.min())
    high = min(max(float(np.quantile(bits, 0.9)), float(inside.max())), limit)
    margin = 0.05 * (high - low)
    return low - margin, high + margin
