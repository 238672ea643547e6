"""Figures as files, with the names by which a page refers to them."""

import io
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ood_bench.errors import OodBenchError
from ood_bench.hashing import digest
from ood_bench.results import AnalysisTable

if TYPE_CHECKING:
    from ood_bench.analyses import Analysis

DPI = 200


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
    tables: Iterable[AnalysisTable], analyses: "Mapping[str, Analysis]"
) -> Iterator[Picture]:
    """Draw each table by the analysis that made it.

    Raises:
        OodBenchError: If a table's analysis is not given.
    """
    for table in tables:
        if table.analysis not in analyses:
            raise OodBenchError(f"no analysis '{table.analysis}' is given to draw its table")
        analysis = analyses[table.analysis]
        buffer = io.BytesIO()
        analysis.draw(table.table).savefig(buffer, format="png", dpi=DPI)
        yield Picture(
            table=table,
            title=analysis.title,
            caption=analysis.caption(table.table),
            path=f"figures/{file_stem(table)}.png",
            png=buffer.getvalue(),
        )


def file_stem(table: AnalysisTable) -> str:
    """Return a file name for a table, safe on any file system and in any link.

    Names that had to be changed get a digest, so that two never meet.
    """
    name = f"{table.analysis}-{table.model}-{table.inside}-{table.seed}"
    safe = re.sub(r"[^A-Za-z0-9._-]+", "-", name)
    return safe if safe == name else f"{safe}-{digest(name)[:8]}"
