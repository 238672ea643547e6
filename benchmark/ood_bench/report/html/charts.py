"""Histograms of bits per dimension, as data for the page's script."""

from collections.abc import Sequence
from dataclasses import asdict
from itertools import count
from typing import Any, NamedTuple

from ood_bench.report import document


class Chart(NamedTuple):
    """The histograms of one model trained on one inside, one for each seed."""

    id: str
    model: str
    inside: str
    caption: str
    seeds: list[dict[str, Any]]

    @property
    def number(self) -> str:
        """Its place among the charts of the page."""
        return self.id.removeprefix("chart-")


class ChartGroup(NamedTuple):
    """The charts of one analysis."""

    id: str
    title: str
    menu: str
    charts: list[Chart]


def chart_groups(groups: Sequence[document.Group[document.Chart]]) -> list[ChartGroup]:
    """Return the charts of a page by the analysis that they come from."""
    numbers = count()
    found: list[ChartGroup] = []
    for group in groups:
        id = f"histograms-{len(found)}" if found else "histograms"
        charts = [_chart(figure, next(numbers)) for figure in group.figures]
        found.append(ChartGroup(id, group.title, group.menu, charts))
    return found


def _chart(figure: document.Figure[document.Chart], number: int) -> Chart:
    first = figure.first
    seeds = [{"seed": seed, **_drawing(content)} for seed, content in figure.seeds]
    return Chart(f"chart-{number}", first.model, first.inside, first.caption, seeds)


def _drawing(chart: document.Chart) -> dict[str, Any]:
    series = []
    for bars in chart.series:
        drawn = asdict(bars)
        places = drawn.pop("places")
        series.append({**drawn, "steps": _steps(places)})
    return {"view": chart.view, "width": chart.width, "series": series}


def _steps(places: Sequence[int]) -> list[int]:
    """Return how far each bin lies from the one before, which takes fewer digits."""
    return [place - before for place, before in zip(places, [0, *places], strict=False)]
