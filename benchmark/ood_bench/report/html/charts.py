"""The stored likelihood histograms, as data for the page's script."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from ood_bench.results import AnalysisTable

if TYPE_CHECKING:
    import pandas as pd

    from ood_bench.analyses.bins import Series


class Chart(NamedTuple):
    """The histograms of one model trained on one inside, one for each seed."""

    id: str
    model: str
    inside: str
    caption: str
    seeds: list[dict[str, Any]]


def charts(tables: Sequence[AnalysisTable], captions: Sequence[str]) -> list[Chart]:
    """Return the charts of the tables of `histogram`, in their order.

    Args:
        tables: The tables.
        captions: What to say under each.
    """
    found: dict[tuple[str, str], Chart] = {}
    for table, caption in zip(tables, captions, strict=True):
        address = (table.model, table.inside)
        chart = found.setdefault(address, Chart(f"chart-{len(found)}", *address, caption, []))
        chart.seeds.append({"seed": table.seed, **_read(table.table)})
    return list(found.values())


def elements(found: Sequence[Chart]) -> Mapping[tuple[str, str], str]:
    """Return the element that each (model, inside) is charted in."""
    return {(chart.model, chart.inside): chart.id for chart in found}


def _read(table: "pd.DataFrame") -> dict[str, Any]:
    from ood_bench.analyses.bins import view
    from ood_bench.analyses.histogram import series_of
    from ood_bench.analyses.style import data_colours

    series = series_of(table)
    colours = data_colours(list(dict.fromkeys(one.data for one in series)))
    return {
        "view": view(series),
        "width": series[0].width,
        "series": [
            {
                "data": one.data,
                "split": "OOD" if one.outside else one.split,
                "colour": "#" + "".join(f"{round(255 * part):02x}" for part in colours[one.data]),
                "total": one.total,
                "least": one.quantile[0.0],
                "median": one.quantile[0.5],
                "most": one.quantile[1.0],
                **_bins(one),
            }
            for one in series
        ],
    }


def _bins(series: "Series") -> dict[str, list[int]]:
    """Return the counts of fine bins, and how far each lies from the one before, in bins."""
    places = [round(middle / series.width - 0.5) for middle in series.middle.tolist()]
    steps = [place - before for place, before in zip(places, [0, *places], strict=False)]
    return {"steps": steps, "counts": series.count.tolist()}
