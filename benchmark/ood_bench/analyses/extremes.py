"""The images of highest and lowest likelihood in each data set."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ood_bench.analyses import Analysis, Study
from ood_bench.analyses.thumbnails import bare, from_png, show, to_png
from ood_bench.units import bits_per_dim

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Extremes(Analysis):
    """The test images that a model finds most and least likely, of each data set.

    The table holds their rows in the data set, their bits per dimension and their pixels as
    PNG, so that the figure needs no data.

    Args:
        count: How many of each end.
    """

    title = "Most and least likely images"

    def __init__(self, *, count: int = 8) -> None:
        if count < 1:
            raise ValueError(f"count must be positive, got {count}")
        self.count = count

    def tabulate(self, study: Study) -> pd.DataFrame:
        """Return the images at both ends, best first; of equal ones the first in the data."""
        records = []
        for name in (study.inside, *study.outside):
            log_prob = study.columns[name, "test"]["log_prob"]
            bits = bits_per_dim(log_prob, study.shape.dims)
            images = study.images(name, "test")
            for end, order in (
                ("highest", np.argsort(bits, kind="stable")),
                ("lowest", np.argsort(-bits, kind="stable")),
            ):
                records += [
                    {
                        "model": study.model,
                        "inside": study.inside,
                        "data": name,
                        "likelihood": end,
                        "rank": rank,
                        "row": int(row),
                        "bits_per_dim": float(bits[row]),
                        "png": to_png(images[row]),
                    }
                    for rank, row in enumerate(order[: self.count], start=1)
                ]
        return pd.DataFrame(records)

    def draw(self, table: pd.DataFrame) -> "Figure":
        """Draw two rows of images for each data set, their bits per dimension above them."""
        from matplotlib.figure import Figure

        from ood_bench.analyses.style import data_colours, look, plain

        colours = data_colours(list(dict.fromkeys(table["data"])))
        strips = list(table.groupby(["data", "likelihood"], sort=False))
        columns = int(table["rank"].max())
        with look():
            size = (0.72 * columns + 1.3, 0.9 * len(strips) + 0.35)
            figure = Figure(figsize=size, layout="constrained")
            grid = figure.subplots(len(strips), columns, squeeze=False)
            for line, ((data, end), strip) in zip(grid, strips, strict=True):
                for axes in line:
                    bare(axes)
                for axes, bits, png in zip(line, strip["bits_per_dim"], strip["png"], strict=False):
                    show(axes, from_png(png))
                    axes.set_title(f"{bits:.2f}", fontsize=7, pad=2)
                line[0].set_ylabel(
                    plain(f"{data}\n{end}"),
                    rotation=0,
                    ha="right",
                    va="center",
                    fontsize=8,
                    color=colours[str(data)],
                )
            first = table.iloc[0]
            figure.suptitle(plain(f"{first['model']} trained on {first['inside']}"), fontsize=9)
        return figure

    def caption(self, table: pd.DataFrame) -> str:
        """Say what the rows and numbers are."""
        first = table.iloc[0]
        return (
            f"The test images to which {first['model']} trained on {first['inside']} gives the "
            "highest and the lowest likelihood, most extreme first, with their bits per "
            "dimension (lower is more likely)."
        )
