"""Figures as files, with the names by which a page refers to them."""

import io
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ood_bench.errors import OodBenchError
from ood_bench.hashing import digest
from ood_bench.results import AnalysisTable

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ood_bench.analyses import Analysis

DPI = 200
SCREEN_DPI = 130


@dataclass(frozen=True)
class Picture:
    """A drawn figure.

    Attributes:
        table: What it shows.
        title: The analysis's heading.
        caption: What to see in it.
        path: Where it lies, relative to the page.
        png: The file.
    """

    table: AnalysisTable
    title: str
    caption: str
    path: str
    png: bytes


def draw_all(
    tables: Iterable[AnalysisTable],
    analyses: "Mapping[str, Analysis]",
    *,
    encode: "Callable[[Figure], bytes] | None" = None,
) -> Iterator[Picture]:
    """Draw each table by the analysis that made it.

    Args:
        tables: The tables.
        analyses: The analyses by the suite's names.
        encode: Makes a file of a figure; `png` unless given.

    Raises:
        OodBenchError: If a table's analysis is not given.
    """
    for table in tables:
        if table.analysis not in analyses:
            raise OodBenchError(f"no analysis '{table.analysis}' is given to draw its table")
        analysis = analyses[table.analysis]
        drawn = analysis.draw(table.table)
        yield Picture(
            table=table,
            title=analysis.title,
            caption=analysis.caption(table.table),
            path=f"figures/{file_stem(table)}.png",
            png=(encode or png)(drawn),
        )


def png(figure: "Figure") -> bytes:
    """Return a figure as a PNG file for print."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=DPI)
    return buffer.getvalue()


def small_png(figure: "Figure") -> bytes:
    """Return a figure as a PNG file for a screen, in 256 colours, the rare ones among them."""
    from PIL import Image

    drawn = io.BytesIO()
    figure.savefig(drawn, format="png", dpi=SCREEN_DPI)
    buffer = io.BytesIO()
    with Image.open(drawn) as image:
        few = image.convert("RGB").quantize(
            256, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE
        )
    few.save(buffer, format="png", optimize=True)
    return buffer.getvalue()


def file_stem(table: AnalysisTable) -> str:
    """Return a file name for a table, safe on any file system and in any link.

    Names that had to be changed get a digest, so that two never meet.
    """
    name = f"{table.analysis}-{table.model}-{table.inside}-{table.seed}"
    safe = re.sub(r"[^A-Za-z0-9._-]+", "-", name)
    return safe if safe == name else f"{safe}-{digest(name)[:8]}"
