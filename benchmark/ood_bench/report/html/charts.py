"""Histograms of bits per dimension, as data for the page's script."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from ood_bench.report.document import Chart, Figure


def chart_data(figure: Figure[Chart], id: str) -> dict[str, Any]:
    """Return the histograms of one model trained on one inside, one for each seed.

    Args:
        figure: What to draw.
        id: The element that it is drawn in.
    """
    first = figure.first
    return {
        "id": id,
        "model": first.model,
        "inside": first.inside,
        "caption": first.caption,
        "seeds": [{"seed": seed, **_drawing(chart)} for seed, chart in figure.seeds],
    }


def _drawing(chart: Chart) -> dict[str, Any]:
    series = []
    for bars in chart.series:
        drawn = asdict(bars)
        drawn["steps"] = _steps(drawn.pop("places"))
        series.append(drawn)
    return {"view": chart.view, "width": chart.width, "series": series}


def _steps(places: Sequence[int]) -> list[int]:
    """Return the distance of each bin from the one before, which takes fewer digits."""
    return [place - before for place, before in zip(places, [0, *places], strict=False)]
