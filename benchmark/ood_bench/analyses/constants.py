"""Likelihood of constant images and of noise, compared with the data sets."""

import math
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ood_bench.analyses import Analysis, Finding, Study
from ood_bench.hashing import seed_for
from ood_bench.metrics import Measure, mean_bpd
from ood_bench.units import legible

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ood_bench.analyses.style import Colour

LEVELS = 256
NOISE = (0.5, 0.5, 0.5)
NAMED = (0, 128, 255)


class Constants(Analysis):
    """Bits per dimension of constant images at each gray level, and of uniform noise.

    A constant image has one level in all pixels and channels. The paper finds that a flow
    trained on natural images gives them a higher likelihood than any data set. The table
    holds one row for each level, one for the noise, and one for the mean of the inside's test
    images and of each outside data set (`part` is `constant`, `noise` or `data`).

    Args:
        every: Step from one level to the next; 0, 128 and 255 are always included.
        count: Number of noise images, each value drawn uniformly from 0 to 255.

    Reference:
        Nalisnick et al., Do Deep Generative Models Know What They Don't Know?, ICLR 2019,
        arXiv:1810.09136.
    """

    uses_model = True
    title = "Constant images"

    def __init__(self, *, every: int = 1, count: int = 200) -> None:
        if not 1 <= every < LEVELS:
            raise ValueError(f"every must lie between 1 and 255, got {every}")
        if count < 2:
            raise ValueError(f"count must be at least 2, got {count}")
        self.levels = sorted({*range(0, LEVELS, every), *NAMED})
        self.count = count

    def tabulate(self, study: Study) -> pd.DataFrame:
        """Return the bits per dimension of every level, of the noise and of each data set."""
        from ood_bench.analyses.scoring import log_prob

        levels = np.array(self.levels, np.uint8)[:, None, None, None]
        constants = np.broadcast_to(levels, (len(levels), *study.shape))
        random = np.random.default_rng(seed_for("constants", "noise"))
        noise = random.integers(0, LEVELS, (self.count, *study.shape), dtype=np.uint8)
        sides = [
            ("constant", "", level, value[None])
            for level, value in zip(
                self.levels, log_prob(study, constants, "constant images"), strict=True
            )
        ]
        sides += [
            ("data", name, math.nan, study.columns[name, "test"]["log_prob"])
            for name in (study.inside, *study.outside)
        ]
        sides.append(("noise", "", math.nan, log_prob(study, noise, "uniform noise")))
        records = []
        for part, data, level, values in sides:
            bits = mean_bpd(values, study.shape.dims, level=self.level)
            records.append(
                {
                    "model": study.model,
                    "inside": study.inside,
                    "part": part,
                    "data": data,
                    "level": float(level),
                    "count": len(values),
                    "bits_per_dim": bits.value,
                    "low": bits.low,
                    "high": bits.high,
                }
            )
        return pd.DataFrame(records)

    def draw(self, table: pd.DataFrame) -> "Figure":
        """Draw bits per dimension against the level, and a line for each mean."""
        from matplotlib.figure import Figure

        from ood_bench.analyses.style import data_colours, look, plain, trained_on
        from ood_bench.analyses.view import mark_beyond, view

        first, curve = table.iloc[0], table[table["part"] == "constant"]
        lines = table[table["part"] != "constant"]
        colours = data_colours(list(table[table["part"] == "data"]["data"]))
        inside = lines[lines["data"] == first["inside"]]["bits_per_dim"]
        shown = pd.concat([curve["bits_per_dim"], inside])
        low, high = view(
            (shown.min(), shown.max()), [(mean, mean) for mean in lines["bits_per_dim"]]
        )
        with look():
            figure = Figure(figsize=(6.4, 4.0), layout="constrained")
            axes = figure.subplots()
            away: list[tuple[bool, Colour]] = []
            for part, data, mean in zip(
                lines["part"], lines["data"], lines["bits_per_dim"], strict=True
            ):
                is_noise = part == "noise"
                role = "test" if data == first["inside"] else "OOD"
                name = "uniform noise" if is_noise else f"{data} ({role})"
                colour = NOISE if is_noise else colours[data]
                beyond = "" if low <= mean <= high else ", beyond the axis"
                if beyond:
                    away.append((mean > high, colour))
                axes.axhline(
                    mean,
                    color=colour,
                    linestyle=(0, (1.5, 1.2)) if is_noise else (0, (5, 1.5)),
                    linewidth=1.2,
                    label=plain(f"{name}, mean {legible(mean)}{beyond}"),
                )
            axes.plot(
                curve["level"],
                curve["bits_per_dim"],
                color="0.1",
                linewidth=1.4,
                label=f"constant images, {len(curve)} levels",
            )
            axes.set(xlim=(0, LEVELS - 1), ylim=(low, high), xticks=[0, 64, 128, 192, 255])
            axes.set(xlabel="Gray level", ylabel="Bits per dimension (← more likely)")
            for place, (top, colour) in enumerate(away, 1):
                mark_beyond(axes, (LEVELS - 1) * (1 - 0.03 * place), top=top, colour=colour)
            axes.set_title(trained_on(first))
            handles, labels = axes.get_legend_handles_labels()
            figure.legend(
                [handles[-1], *handles[:-1]],
                [labels[-1], *labels[:-1]],
                loc="outside lower center",
                ncols=2,
                frameon=False,
            )
        return figure

    def caption(self, table: pd.DataFrame) -> str:
        """Say what is constant, what is drawn, and which way is more likely."""
        first = table.iloc[0]
        noise = table[table["part"] == "noise"].iloc[0]
        return (
            "Bits per dimension of constant images (one gray level in all pixels and channels) "
            f"under {first['model']} trained on {first['inside']}; lower is more likely. Lines are "
            f"the means of the data sets and of {noise['count']:,} images of uniform noise "
            f"({legible(noise['bits_per_dim'])})."
        )

    def findings(self, table: pd.DataFrame) -> tuple[Finding, ...]:
        """Return bits per dimension at 0, 128, 255 and of noise, and how many levels are likelier.

        `share_constants_likelier` is the share of the levels in the table whose image is likelier
        than the mean of the inside's test images; its interval comes from that of the mean.
        """
        curve = table[table["part"] == "constant"].set_index("level")["bits_per_dim"]
        noise = _measure(table[table["part"] == "noise"])
        inside = _measure(table[table["data"] == table["inside"]])
        likelier = Measure(*(float((curve < bound).mean()) for bound in inside))
        return (
            *(
                _finding(f"bpd_constant_{level}", Measure(*[float(curve[level])] * 3))
                for level in NAMED
            ),
            _finding("bpd_noise", noise),
            _finding("share_constants_likelier", likelier),
        )

    def heading(self, name: str) -> str:
        """Return the title of a finding, with its unit."""
        titles = {
            "bpd_noise": "Uniform noise (bits/dim)",
            "share_constants_likelier": "Share of gray levels likelier than the ID mean",
        }
        level = name.removeprefix("bpd_constant_")
        return titles.get(name, f"Gray level {level} (bits/dim)")


def _measure(rows: pd.DataFrame) -> Measure:
    row = rows.iloc[0]
    return Measure(float(row["bits_per_dim"]), float(row["low"]), float(row["high"]))


def _finding(name: str, measure: Measure) -> Finding:
    return Finding(name, value=measure.value, low=measure.low, high=measure.high)
