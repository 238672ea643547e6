"""Figures as files, with the names by which a page refers to them."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

from ood_bench.errors import OodBenchError
from ood_bench.hashing import digest
from ood_bench.report.code import code_digest, together
from ood_bench.report.encode import Encoding, encoding_digest
from ood_bench.report.made import Made
from ood_bench.results import AnalysisTable

if TYPE_CHECKING:
    from ood_bench.analyses import Analysis

Tell: TypeAlias = Callable[[int, int], None]
"""Takes how many figures of all are there."""


@dataclass(frozen=True)
class Picture:
    """A drawn figure.

    Attributes:
        table: What it shows.
        title: The analysis's heading.
        caption: What to see in it.
        path: Where it lies, relative to the page.
        file: What lies there.
    """

    table: AnalysisTable
    title: str
    caption: str
    path: str
    file: bytes = b""


def draw_all(
    tables: Sequence[AnalysisTable],
    analyses: "Mapping[str, Analysis]",
    made: Made,
    encoding: Encoding,
    tell: Tell | None = None,
) -> Iterator[Picture]:
    """Draw each table by the analysis that made it, unless its figure lies there already.

    Args:
        tables: The tables.
        analyses: The analyses by the suite's names.
        made: Where the figures go.
        encoding: Makes a file of a figure.
        tell: Called after each figure.

    Raises:
        OodBenchError: If a table's analysis is not given.
    """
    code = {name: code_digest(type(analysis)) for name, analysis in analyses.items()}
    format = encoding_digest(encoding)
    for done, table in enumerate(tables, 1):
        if table.analysis not in analyses:
            raise OodBenchError(f"no analysis '{table.analysis}' is given to draw its table")
        analysis = analyses[table.analysis]
        path = f"figures/{file_stem(table)}.{encoding.suffix}"
        file = made.file(
            path,
            together(table.digest, code[table.analysis], format),
            partial(_drawn, analysis, table, encoding),
        )
        if tell is not None:
            tell(done, len(tables))
        yield Picture(table, analysis.title, analysis.caption(table.table), path, file or b"")


def _drawn(analysis: "Analysis", table: AnalysisTable, encoding: Encoding) -> bytes:
    return encoding(analysis.draw(table.table))


def file_stem(table: AnalysisTable) -> str:
    """Return a file name for a table, safe on any file system and in any link.

    Names that had to be changed get a digest, so that two never meet.
    """
    name = f"{table.analysis}-{table.model}-{table.inside}-{table.seed}"
    safe = re.sub(r"[^A-Za-z0-9._-]+", "-", name)
    return safe if safe == name else f"{safe}-{digest(name)[:8]}"
