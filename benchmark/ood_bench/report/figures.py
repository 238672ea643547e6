"""Figures of analyses: files, or charts and galleries that a page draws itself."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

from ood_bench.errors import OodBenchError, raised
from ood_bench.hashing import digest
from ood_bench.report.code import code_digest, together
from ood_bench.report.document import Content, Figure, Picture, Shown
from ood_bench.report.encode import Encoding, encoding_digest
from ood_bench.report.file_cache import FileCache
from ood_bench.report.findings import findings_table
from ood_bench.report.page_content import page_content
from ood_bench.report.tabled import Undrawn
from ood_bench.results import AnalysisTable, FindingRow

if TYPE_CHECKING:
    from ood_bench.analyses import Analysis

DrawingProgress: TypeAlias = Callable[[int, int], None]
"""Called with the number of finished figures and the total."""


def show_all(
    tables: Sequence[AnalysisTable],
    analyses: "Mapping[str, Analysis]",
    cache: FileCache,
    encoding: Encoding,
    *,
    draws: bool = False,
    progress: DrawingProgress | None = None,
    reasons: Mapping[str, str] | None = None,
    among: str = "",
) -> Iterator[Shown | Undrawn]:
    """Show each table by its analysis; cached figures are not drawn again.

    If the analysis fails to show a table, as another version may, the table itself is shown.

    Args:
        tables: The tables.
        analyses: The analyses by the suite's names.
        cache: The files of the report's folder.
        encoding: Makes a file of a figure.
        draws: Whether the page draws charts and galleries itself.
        progress: Called after each table.
        reasons: Why some analyses are missing, by their names.
        among: Digest of what else a figure depends on, such as the other data sets of the report.

    Raises:
        OodBenchError: If a table's analysis is missing without a reason.
    """
    code = {name: code_digest(type(analysis)) for name, analysis in analyses.items()}
    format = encoding_digest(encoding)
    for done, table in enumerate(tables, 1):
        if reasons and table.analysis in reasons:
            yield Undrawn(table, reasons[table.analysis])
        elif table.analysis not in analyses:
            raise OodBenchError(f"no analysis '{table.analysis}' is given to draw its table")
        else:
            of = together(table.digest, code[table.analysis], f"{format} {among}")
            yield _shown(table, analyses[table.analysis], cache, encoding, of, draws=draws)
        if progress is not None:
            progress(done, len(tables))


def figures(shown: Iterable[Shown], findings: Iterable[FindingRow]) -> tuple[Figure[Content], ...]:
    """Group what is shown by analysis, model and inside, with all seeds together."""
    studies: dict[tuple[str, ...], list[Shown]] = {}
    for one in shown:
        address = (one.analysis, one.model, one.inside, type(one.content).__name__)
        studies.setdefault(address, []).append(one)
    found: dict[tuple[str, ...], list[FindingRow]] = {}
    for row in findings:
        found.setdefault((row.analysis, row.model, row.inside), []).append(row)
    return tuple(
        Figure(
            seeds[0],
            tuple((one.seed, one.content) for one in seeds),
            findings_table(found[address[:3]], seeds[0].heading) if address[:3] in found else None,
        )
        for address, seeds in studies.items()
    )


def _shown(
    table: AnalysisTable,
    analysis: "Analysis",
    cache: FileCache,
    encoding: Encoding,
    of: str | None,
    *,
    draws: bool,
) -> Shown | Undrawn:
    path = f"figures/{file_stem(table)}.{encoding.suffix}"
    try:
        content: Content | None = page_content(table, analysis) if draws else None
        if content is None:
            file = cache.file(path, of, partial(_drawn, analysis, table, encoding))
            content = Picture(path, file or b"")
        return Shown(
            table.analysis,
            analysis.title,
            table.model,
            table.inside,
            table.seed,
            analysis.caption(table.table),
            content,
            analysis.menu,
            analysis.heading,
        )
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
