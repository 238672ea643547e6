"""The images on the wrong side of the threshold that accepts 95 % of the inside's."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ood_bench.analyses import Analysis, Study
from ood_bench.analyses.scoring import spread_rows
from ood_bench.analyses.strips import Strip, draw_strips
from ood_bench.analyses.thumbnails import to_png
from ood_bench.detectors import Scores
from ood_bench.units import bits_per_dim

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ACCEPTED = 95
"""Per cent of the inside's test images that the threshold accepts, as in FPR@95TPR."""


class Errors(Analysis):
    """The test images that the likelihood gets wrong when it accepts 95 % of the inside's.

    Inside images that are rejected, and outside images that are accepted: how many there are,
    and some of them, evenly spread over their ranks by likelihood, the most likely first. Images
    as likely as the threshold are accepted, as for FPR@95TPR.

    Args:
        count: Number of images of each data set to show.
    """

    title = "Errors at the 95 % threshold"
    menu = "Errors"

    def __init__(self, *, count: int = 8) -> None:
        if count < 1:
            raise ValueError(f"count must be positive, got {count}")
        self.count = count

    def tabulate(self, study: Study) -> pd.DataFrame:
        """Return for each data set a row of counts (`part` is `count`), then its images (`image`).

        `rank` is an image's place among the errors, `bits_per_dim` the image's or, in a row of
        counts, the threshold's.
        """
        bits = {
            name: bits_per_dim(study.columns[name, "test"]["log_prob"], study.shape.dims)
            for name in (study.inside, *study.outside)
        }
        limit = threshold_bits(bits[study.inside])
        records = []
        for name, values in bits.items():
            wrong = values > limit if name == study.inside else values <= limit
            rows = np.flatnonzero(wrong)
            rows = rows[np.argsort(values[rows], kind="stable")]
            shared = {
                "model": study.model,
                "inside": study.inside,
                "data": name,
                "error": "rejected" if name == study.inside else "accepted",
                "count": len(rows),
                "of": len(values),
            }
            records.append(
                shared | {"part": "count", "rank": 0, "row": -1, "bits_per_dim": limit, "png": b""}
            )
            images = study.images(name, "test") if len(rows) else None
            for place in spread_rows(self.count, len(rows)):
                row = int(rows[place])
                records.append(
                    shared
                    | {
                        "part": "image",
                        "rank": int(place) + 1,
                        "row": row,
                        "bits_per_dim": float(values[row]),
                        "png": b"" if images is None else to_png(images[row]),
                    }
                )
        return pd.DataFrame(records)

    def draw(self, table: pd.DataFrame) -> "Figure":
        """Draw a row of images for each data set, their bits per dimension above them."""
        from ood_bench.analyses.style import in_words

        first = table.iloc[0]
        title = in_words(str(first["model"]), str(first["inside"]))
        return draw_strips(_strips(table), title=title, margin=1.5)

    def gallery(self, table: pd.DataFrame) -> tuple[Strip, ...]:
        """Return the same rows of images."""
        return tuple(
            strip._replace(label=strip.label.replace("\n", ", ")) for strip in _strips(table)
        )

    def caption(self, table: pd.DataFrame) -> str:
        """Say what the threshold is and which images are shown."""
        first = table.iloc[0]
        return (
            f"Errors of the likelihood of {first['model']} trained on {first['inside']} at a "
            f"threshold of {first['bits_per_dim']:.3f} bits per dimension, which accepts "
            f"{ACCEPTED} % of the {first['inside']} test images: ID images that it rejects and OOD "
            "images that it accepts, evenly spread over their ranks, the most likely first, with "
            "their bits per dimension (lower is more likely)."
        )


def threshold_bits(inside: Scores) -> float:
    """Return the bits per dimension at or below which 95 % of the inside's images lie."""
    wanted = -(-ACCEPTED * len(inside) // 100)  # rounded up, without floats
    return float(np.sort(inside)[wanted - 1])


def caption(part: pd.DataFrame) -> str:
    """Return how many images of one data set are errors, in words."""
    first = part.iloc[0]
    count, of = int(first["count"]), int(first["of"])
    share = f"{100 * count / of:.1f} %"
    return f"{first['error']} {share}\n{count:,} of {of:,}"


def _strips(table: pd.DataFrame) -> list[Strip]:
    return [
        Strip(str(data), caption(part), part[part["part"] == "image"])
        for data, part in table.groupby("data", sort=False)
    ]
