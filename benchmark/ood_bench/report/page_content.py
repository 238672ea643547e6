"""Charts and galleries that a page draws itself, as plain values from an analysis's table."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ood_bench.report.document import Bars, Chart, Gallery, GalleryRow, Image
from ood_bench.results import AnalysisTable

if TYPE_CHECKING:
    from ood_bench.analyses import Analysis
    from ood_bench.analyses.bins import Series
    from ood_bench.analyses.strips import Strip


def page_content(table: AnalysisTable, analysis: "Analysis") -> Chart | Gallery | None:
    """Return the chart or gallery of a table; None if the analysis offers neither."""
    if series := analysis.series(table.table):
        return _chart(series)
    if strips := analysis.gallery(table.table):
        return Gallery(tuple(map(_row, strips)))
    return None


def _chart(series: "Sequence[Series]") -> Chart:
    from ood_bench.analyses.bins import series_view
    from ood_bench.analyses.style import data_colours

    colours = data_colours(list(dict.fromkeys(one.data for one in series)))
    bars = tuple(
        Bars(
            data=one.data,
            split="OOD" if one.outside else one.split,
            colour="#" + "".join(f"{round(255 * part):02x}" for part in colours[one.data]),
            total=one.total,
            least=one.quantile[0.0],
            median=one.quantile[0.5],
            most=one.quantile[1.0],
            places=tuple(round(middle / one.width - 0.5) for middle in one.middle.tolist()),
            counts=tuple(one.count.tolist()),
        )
        for one in series
    )
    return Chart(series_view(series), series[0].width, bars)


def _row(strip: "Strip") -> GalleryRow:
    from ood_bench.analyses.strips import distinct

    return GalleryRow(
        strip.data,
        strip.label,
        tuple(Image(*one) for one in distinct(strip.images)),
    )
