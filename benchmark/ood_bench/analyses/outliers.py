"""Whether the likelihood fails because of a few images: AUROC without the most extreme."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ood_bench.analyses import Analysis, Finding, Study
from ood_bench.detectors import Scores
from ood_bench.metrics import delong
from ood_bench.metrics.measure import percent

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PERCENT = (0, 1, 5, 10)


class Outliers(Analysis):
    """AUROC of minus the log-likelihood, with and without the most extreme images.

    The same share is dropped from the inside's test images and from each outside data set: half
    of it at the lowest and half at the highest log-likelihoods, so that 1 % drops the lowest
    0.5 % and the highest 0.5 % of each set, rounded down to whole images. The intervals are
    those of AUROC on the remaining images (`metrics.delong`), the cuts taken as fixed.
    """

    title = "AUROC without outliers"
    revision = 2

    def tabulate(self, study: Study) -> pd.DataFrame:
        """Return a row for each outside data set and share dropped, in [0, 1]."""
        scores = {
            name: -study.columns[name, "test"]["log_prob"]
            for name in (study.inside, *study.outside)
        }
        records = []
        for name in study.outside:
            for dropped in PERCENT:
                inside = trimmed(scores[study.inside], dropped)
                outside = trimmed(scores[name], dropped)
                auroc, low, high = delong(inside, outside, level=self.level)
                records.append(
                    {
                        "model": study.model,
                        "inside": study.inside,
                        "outside": name,
                        "dropped": dropped / 100,
                        "n_inside": len(inside),
                        "n_outside": len(outside),
                        "auroc": auroc,
                        "low": low,
                        "high": high,
                    }
                )
        return pd.DataFrame(records)

    def draw(self, table: pd.DataFrame) -> "Figure":
        """Draw AUROC against the share dropped, a line for each outside data set."""
        from matplotlib.figure import Figure

        from ood_bench.analyses.style import data_colours, look, plain, trained_on

        first = table.iloc[0]
        lines = list(table.groupby("outside", sort=False))
        colours = data_colours([str(first["inside"]), *(str(name) for name, _ in lines)])
        with look():
            figure = Figure(figsize=(4.8, 3.5 + 0.17 * len(lines)), layout="constrained")
            axes = figure.subplots()
            axes.axhline(0.5, color="0.75", linewidth=0.8, zorder=0)
            for name, line in lines:
                x, y = 100 * line["dropped"], line["auroc"]
                axes.errorbar(
                    x,
                    y,
                    yerr=[y - line["low"], line["high"] - y],
                    color=colours[str(name)],
                    marker="o",
                    markersize=4,
                    linewidth=1.2,
                    capsize=3,
                    clip_on=False,
                    label=plain(f"{name} {y.iloc[0]:.3f} → {y.iloc[-1]:.3f}"),
                )
            axes.set(xlim=(-0.5, 100 * table["dropped"].max() + 0.5), ylim=(-0.06, 1.06))
            axes.set_xticks(sorted(100 * table["dropped"].unique()))
            axes.set_xlabel("Most extreme images dropped from each set (%)")
            axes.set_ylabel("AUROC of −log P(x)")
            axes.set_title(trained_on(first))
            figure.legend(
                title=f"AUROC of all images → without {100 * table['dropped'].max():g} %",
                loc="outside lower center",
                frameon=False,
                handlelength=1.6,
            )
        return figure

    def caption(self, table: pd.DataFrame) -> str:
        """Say what is dropped, and what a value below one half means."""
        first = table.iloc[0]
        return (
            f"AUROC of −log P(x) under {first['model']} trained on {first['inside']}, without the "
            "most extreme images of each set (half of the share at each end), with "
            f"{percent(self.level)} intervals. Below the gray line the OOD images are likelier; a "
            "flat line means that this is not due to a few outliers."
        )

    def findings(self, table: pd.DataFrame) -> tuple[Finding, ...]:
        """Return `auroc_trimmed_1`, `_5` and `_10` (percent dropped) of each outside data set."""
        return tuple(
            Finding(
                f"auroc_trimmed_{round(100 * row['dropped'])}",
                row["auroc"],
                row["low"],
                row["high"],
                row["outside"],
            )
            for row in table[table["dropped"] > 0].to_dict("records")
        )

    def heading(self, name: str) -> str:
        """Return the title of a finding, with its unit."""
        return f"AUROC without the most extreme {name.removeprefix('auroc_trimmed_')} %"


def trimmed(values: Scores, percent: int) -> Scores:
    """Return the values in order without this percentage of them, half of it at each end.

    Example:
        >>> trimmed(np.array([3.0, 9.0, 1.0, 2.0]), 50)
        array([2., 3.])
    """
    cut = len(values) * percent // 200
    return np.sort(values)[cut : len(values) - cut]
