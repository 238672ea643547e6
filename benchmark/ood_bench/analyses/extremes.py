"""The images of highest and lowest likelihood in each data set."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ood_bench.analyses import Analysis, Study
from ood_bench.analyses.strips import Strip, draw_strips
from ood_bench.analyses.thumbnails import to_png
from ood_bench.units import bits_per_dim

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Extremes(Analysis):
    """The test images that a model finds most and least likely, of each data set.

    The table holds their rows in the data set, their bits per dimension and their pixels as
    PNG, so that the figure needs no data.

    Args:
        count: Number of images at each end.
    """

    title = "Most and least likely images"
    menu = "Images"

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
        from ood_bench.analyses.style import in_words

        first = table.iloc[0]
        title = in_words(str(first["model"]), str(first["inside"]))
        return draw_strips(_strips(table), title=title, margin=1.3)

    def gallery(self, table: pd.DataFrame) -> tuple[Strip, ...]:
        """Return the same two rows of each data set."""
        return tuple(strip._replace(label=f"{strip.label} likelihood") for strip in _strips(table))

    def caption(self, table: pd.DataFrame) -> str:
        """Say what the rows and numbers are."""
        first = table.iloc[0]
        return (
            "Test images with the highest and the lowest likelihood under "
            f"{first['model']} trained on {first['inside']}, the most extreme first, with their "
            "bits per dimension (lower is more likely)."
        )


def _strips(table: pd.DataFrame) -> list[Strip]:
    return [
        Strip(str(data), str(end), strip)
        for (data, end), strip in table.groupby(["data", "likelihood"], sort=False)
    ]
