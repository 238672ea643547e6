"""ROC curves of all detectors, a panel for each outside data set."""

import math
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ood_bench.analyses import Analysis, Study
from ood_bench.detectors import Scores

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLUMNS = 3
DASHES = ("-", (0, (5, 1.5)), (0, (1.5, 1.2)), (0, (5, 1.5, 1, 1.5)))


class Roc(Analysis):
    """ROC curves with out-of-distribution as the positive class.

    The table holds the vertices of each curve as counts of images flagged at one threshold
    or a lower one; points on a straight line between two others are left out, so that the
    curve is exact.
    """

    needs = ()
    uses_scores = True
    title = "ROC curves"

    def tabulate(self, study: Study) -> pd.DataFrame:
        """Return the vertices of the curve of each detector and outside data set."""
        parts = []
        for detector in dict.fromkeys(detector for detector, _ in study.scores):
            inside = study.scores[detector, study.inside]
            for name in study.outside:
                vertices = _vertices(inside, study.scores[detector, name])
                curve = pd.DataFrame(vertices, columns=["inside_flagged", "outside_flagged"])
                parts.append(curve.assign(outside=name, detector=detector))
        table = pd.concat(parts, ignore_index=True).assign(model=study.model, inside=study.inside)
        return table[
            ["model", "inside", "outside", "detector", "inside_flagged", "outside_flagged"]
        ]

    def draw(self, table: pd.DataFrame) -> "Figure":
        """Draw a panel for each outside data set, with the AUROCs below it."""
        import seaborn as sns
        from matplotlib.figure import Figure

        from ood_bench.analyses.style import look, plain, trained_on

        panels = list(table.groupby("outside", sort=False))
        detectors = list(dict.fromkeys(table["detector"]))
        palette = sns.color_palette("Dark2")
        columns = 2 if len(panels) == 4 else min(COLUMNS, len(panels))
        rows = math.ceil(len(panels) / columns)
        heights = [2.75, 0.17 * (len(detectors) + 1) + 0.25]
        with look():
            figure = Figure(
                figsize=(2.5 * columns + 0.4, sum(heights) * rows + 0.3), layout="constrained"
            )
            grid = figure.subplots(2 * rows, columns, squeeze=False, height_ratios=heights * rows)
            for axes in grid.ravel():
                axes.set_axis_off()
            places = zip(grid[0::2].ravel(), grid[1::2].ravel(), strict=True)
            for (outside, part), (axes, below) in zip(panels, places, strict=False):
                axes.set_axis_on()
                axes.plot([0, 1], [0, 1], color="0.75", linewidth=0.8, zorder=0)
                for i, detector in enumerate(detectors):
                    x, y = _rates(part[part["detector"] == detector])
                    label = plain(f"{detector} {np.trapezoid(y, x):.3f}")
                    dash = DASHES[(i + i // len(palette)) % len(DASHES)]
                    axes.plot(x, y, color=palette[i % len(palette)], ls=dash, lw=1.4, label=label)
                axes.set(xlim=(-0.06, 1.06), ylim=(-0.06, 1.06), box_aspect=1)
                axes.set_xticks([0, 0.5, 1], ["0", "0.5", "1"])
                axes.set_yticks([0, 0.5, 1], ["0", "0.5", "1"])
                axes.set(title=plain(str(outside)), xlabel="ID flagged", ylabel="OOD flagged")
                below.legend(
                    *axes.get_legend_handles_labels(),
                    title="AUROC",
                    loc="upper center",
                    borderaxespad=0,
                    handlelength=2.4,
                    frameon=False,
                )
            first = table.iloc[0]
            figure.suptitle(trained_on(first), fontsize=9)
        return figure

    def caption(self, table: pd.DataFrame) -> str:
        """Say which class is positive and what the numbers are."""
        first = table.iloc[0]
        return (
            f"ROC curves of the detectors on {first['model']} trained on {first['inside']}, OOD as "
            "the positive class: the share of OOD images flagged against the share of ID test "
            "images flagged. The legend gives AUROC; the gray line is chance, and a curve below "
            "it is shown as it is."
        )


def _vertices(inside: Scores, outside: Scores) -> NDArray[np.int64]:
    """Return (inside, outside) counts flagged as the threshold falls, at the bends only.

    Images with equal scores are flagged together, so a tie is a slanted segment.
    """
    scores = np.concatenate([inside, outside])
    is_outside = np.repeat([0, 1], [len(inside), len(outside)])
    order = np.argsort(-scores, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(scores[order])), len(scores) - 1)
    y = np.cumsum(is_outside[order])[ends]
    points = np.concatenate([[[0, 0]], np.column_stack([ends + 1 - y, y])])
    steps = np.diff(points, axis=0)
    bends = steps[:-1, 0] * steps[1:, 1] != steps[:-1, 1] * steps[1:, 0]
    return np.asarray(points[np.concatenate([[True], bends, [True]])], dtype=np.int64)


def _rates(curve: pd.DataFrame) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the shares of inside and outside images flagged; all are at the last vertex."""
    x = curve["inside_flagged"].to_numpy(np.float64)
    y = curve["outside_flagged"].to_numpy(np.float64)
    return x / x[-1], y / y[-1]
