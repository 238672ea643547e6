"""Figures as files, with the names by which a page refers to them."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

from ood_bench.errors import OodBenchError, raised
from ood_bench.hashing import digest
from ood_bench.report.code import code_digest, together
from ood_bench.report.encode import Encoding, encoding_digest
from ood_bench.report.made import Made
from ood_bench.report.tabled import Undrawn
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
    reasons: Mapping[str, str] | None = None,
) -> Iterator[Picture | Undrawn]:
    """Draw each table by the analysis that made it, unless its figure lies there already.

    A table that its analysis fails to draw, as one of another version may, has no figure.

    Args:
        tables: The tables.
        analyses: The analyses by the suite's names.
        made: Where the figures go.
        encoding: Makes a file of a figure.
        tell: Called after each figure.
        reasons: Why some analyses are not given, by their names.

    Raises:
        OodBenchError: If a table's analysis is not given, and no reason.
    """
    code = {name: code_digest(type(analysis)) for name, analysis in analyses.items()}
    format = encoding_digest(encoding)
    for done, table in enumerate(tables, 1):
        if reasons and table.analysis in reasons:
            yield Undrawn(table, reasons[table.analysis])
        elif table.analysis not in analyses:
            raise OodBenchError(f"no analysis '{table.analysis}' is given to draw its table")
        else:
            of = together(table.digest, code[table.analysis], format)
            yield _picture(table, analyses[table.analysis], made, encoding, of)
        if tell is not None:
            tell(done, len(tables))


def _picture(
    table: AnalysisTable, analysis: "Analysis", made: Made, encoding: Encoding, of: str | None
) -> Picture | Undrawn:
    path = f"figures/{file_stem(table)}.{encoding.suffix}"
    try:
        file = made.file(path, of, partial(_drawn, analysis, table, encoding))
        return Picture(table, analysis.title, analysis.caption(table.table), path, file or b"")
    except OSError:  # of the place that it is written to
        raise
    except Exception as error:  # noqa: BLE001  anybody's analysis draws, of anybody's table
        return Undrawn(table, f"'{table.analysis}' does not draw this table: {raised(error)}")


def _drawn(analysis: "Analysis", table: AnalysisTable, encoding: Encoding) -> bytes:
    return encoding(analysis.draw(table.table))


def file_stem(table: AnalysisTable) -> str:
    """Return a file name for a table, safe on any file system and in any link.

    Names that had to be changed get a digest, so that two never meet.
    """
    name = f"{table.analysis}-{table.model}-{table.inside}-{table.seed}"
    safe = re.sub(r"[^A-Za-z0-9._-]+", "-", name)
    return safe if safe == name else f"{safe}-{digest(name)[:8]}"
