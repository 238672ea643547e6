"""Samples of the model beside training images."""

import math
from typing import TYPE_CHECKING, cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ood_bench.analyses import Analysis, Study
from ood_bench.capabilities import Samples

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SEED = 0
PANELS = 4


class SampleSheet(Analysis):
    """Images drawn from the model at a few temperatures, with their bits per dimension.

    A model's samples are continuous and may leave [0, 1]; the sheet shows them clipped and cut
    to 8 bits, as floor(256 y). The table holds these as PNG, the share of each image's values
    that were clipped, and the bits per dimension that the model gives to the 8-bit image; and
    the same of training images (`part` is `sample` or `training`). The inverse of a flow can
    overflow: a sample with a pixel that is not a number is `broken`, shown as an empty place,
    and left out of the shares and bits per dimension.

    Args:
        temperatures: Factors on the spread of the prior; 1 draws from the model.
        count: Number of samples at each temperature, and of training images.
    """

    requires = Samples
    needs = ()
    uses_model = True
    title = "Samples"

    def __init__(self, *, temperatures: tuple[float, ...] = (1.0, 0.7), count: int = 32) -> None:
        if not temperatures or min(temperatures) <= 0 or len(set(temperatures)) < len(temperatures):
            raise ValueError(f"temperatures must be positive and distinct, got {temperatures}")
        if count < 1:
            raise ValueError(f"count must be positive, got {count}")
        self.temperatures = temperatures
        self.count = count

    def tabulate(self, study: Study) -> pd.DataFrame:
        """Return training images and the samples at each temperature."""
        from ood_bench.analyses.scoring import spread_rows

        train = study.images(study.inside, "train")
        rows = spread_rows(self.count, len(train))
        parts = [_sheet(study, train[rows], "training").assign(row=rows)]
        parts += [_samples(study, self.count, temperature) for temperature in self.temperatures]
        return pd.concat(parts, ignore_index=True)

    def draw(self, table: pd.DataFrame) -> "Figure":
        """Draw a panel of training images and one for each temperature."""
        from matplotlib.figure import Figure
        from matplotlib.layout_engine import ConstrainedLayoutEngine

        from ood_bench.analyses.style import look, trained_on
        from ood_bench.analyses.thumbnails import bare, show_grid

        by_panel = table.groupby(["part", "temperature"], sort=False, dropna=False)
        first, panels = table.iloc[0], list(by_panel)
        tallest = max(len(panel) for _, panel in panels)
        columns = grid_columns(tallest)
        height = 2.0 * math.ceil(tallest / columns) / columns + 0.55
        across = min(PANELS, len(panels))
        down = math.ceil(len(panels) / across)
        with look():
            figure = Figure(
                figsize=(2.1 * across, height * down + 0.3),
                layout=ConstrainedLayoutEngine(h_pad=0.08),
            )
            grid = figure.subplots(down, across, squeeze=False)
            for axes in grid.ravel():
                bare(axes)
            for axes, (_, panel) in zip(grid.ravel(), panels, strict=False):
                show_grid(axes, list(panel["png"]), columns=columns)
                axes.set_title(_heading(panel))
            figure.suptitle(trained_on(first), fontsize=9)
        return figure

    def caption(self, table: pd.DataFrame) -> str:
        """Say what was clipped, and what the bits per dimension are of."""
        first = table.iloc[0]
        samples = table[table["part"] == "sample"]
        listed = "; ".join(
            f"temperature {temperature:g}: {', '.join(_remarks(panel))}"
            for temperature, panel in samples.groupby("temperature", sort=False)
        )
        empty = (
            " Empty tiles are samples with values that are not numbers."
            if any(table["broken"])
            else ""
        )
        return (
            f"Training images of {first['inside']} and samples of {first['model']} trained on "
            "it, with the mean bits per dimension of the images shown under that model. "
            f"Samples are clipped to [0, 1] and rounded down to 8 bits ({listed}).{empty}"
        )


def grid_columns(count: int) -> int:
    """Return the columns of a grid of about twice as many rows, full if a number near it divides.

    Example:
        >>> [grid_columns(count) for count in (32, 16, 24, 7, 1)]
        [4, 4, 4, 2, 1]
    """
    wanted = math.sqrt(count / 2)
    full = [n for n in range(1, count + 1) if not count % n and wanted / 1.7 < n < 1.7 * wanted]
    return max(full, default=math.ceil(wanted))


def to_uint8(images: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Return continuous images on [0, 1] as 8-bit ones, clipped: floor(256 y), at most 255.

    The inverse of dequantization, (x + u) / 256 with u in [0, 1); it also gives back x from
    x / 255.
    """
    return np.clip(np.floor(images * 256.0), 0, 255).astype(np.uint8)


def _samples(study: Study, count: int, temperature: float) -> pd.DataFrame:
    """Return the rows of the samples at one temperature."""
    import torch

    model = cast(Samples, study.trained())
    with torch.inference_mode():
        drawn = model.sample(count, temperature=temperature, seed=SEED).cpu().double().numpy()
    each = (1, 2, 3)
    broken = np.asarray(np.isnan(drawn).any(axis=each))
    clipped = ((drawn < 0) | (drawn > 1)).mean(axis=each)
    drawn[broken] = 1.0
    sheet = _sheet(study, to_uint8(drawn), "sample")
    return sheet.assign(
        temperature=temperature,
        broken=broken,
        clipped=np.where(broken, math.nan, clipped),
        bits_per_dim=sheet["bits_per_dim"].mask(broken),
    )


def _sheet(study: Study, images: NDArray[np.uint8], part: str) -> pd.DataFrame:
    """Return the rows of images, with the columns of samples set as for training images."""
    from ood_bench.analyses.scoring import log_prob
    from ood_bench.analyses.thumbnails import to_png
    from ood_bench.units import bits_per_dim

    what = f"{part} images"
    return pd.DataFrame(
        {
            "model": study.model,
            "inside": study.inside,
            "part": part,
            "temperature": math.nan,
            "row": -1,
            "broken": False,
            "clipped": 0.0,
            "bits_per_dim": bits_per_dim(log_prob(study, images, what), study.shape.dims),
            "png": [to_png(image) for image in images],
        }
    )


def _heading(panel: pd.DataFrame) -> str:
    """Return the lines above a panel; broken samples have their own line, to fit the width."""
    first, bits = panel.iloc[0], panel["bits_per_dim"].mean()
    measured = [] if math.isnan(bits) else [f"{bits:.2f} bits/dim"]
    if first["part"] == "training":
        return "\n".join(["training images", *measured])
    *clipped, last = _remarks(panel)
    if panel["broken"].any():
        lines = [last, ", ".join([*measured, *clipped])]
    else:
        lines = [", ".join([*measured, last])]
    return "\n".join([f"temperature {first['temperature']:g}", *filter(None, lines)])


def _remarks(panel: pd.DataFrame) -> list[str]:
    """Return the share of a panel's values that was clipped, and the number of broken samples."""
    broken = int(panel["broken"].sum())
    remarks = [] if broken == len(panel) else [f"{100 * panel['clipped'].mean():.1f} % clipped"]
    return remarks + ([f"{broken} of {len(panel)} not numbers"] if broken else [])
