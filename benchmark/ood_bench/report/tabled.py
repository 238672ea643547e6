"""Tables of analyses that are shown as they are, in place of a figure."""

import math
from typing import NamedTuple

from ood_bench.report.document import Section
from ood_bench.report.escape import line
from ood_bench.report.texttable import TextTable, words
from ood_bench.results import AnalysisTable

ROWS, COLUMNS, LETTERS = 20, 12, 60
"""Maximum rows, columns and letters per cell that are shown."""


class Undrawn(NamedTuple):
    """A table without a figure, and the reason."""

    table: AnalysisTable
    reason: str


def tabled(undrawn: Undrawn, name: str) -> Section:
    """Return the first rows of a table that has no figure.

    Args:
        undrawn: The table.
        name: Its name in files and links.
    """
    table, frame = undrawn.table, undrawn.table.table
    shown = frame.iloc[:ROWS, :COLUMNS]
    rows = tuple(tuple(_cell(value) for value in row) for row in shown.itertuples(index=False))
    columns = words(*(line(str(column))[:LETTERS] for column in shown.columns))
    left = f"{len(rows)} of {len(frame):,} rows and {len(columns)} of {frame.shape[1]:,} columns"
    return Section(
        name,
        f"{table.analysis}: {table.model} trained on {table.inside}, seed {table.seed}",
        TextTable(columns, rows, (f"No figure: {undrawn.reason}", f"Shown: {left}.")),
    )


def _cell(value: object) -> str:
    if isinstance(value, bytes):
        return f"{len(value):,} bytes"
    if isinstance(value, float):
        return "" if math.isnan(value) else f"{value:.6g}"
    return line(str(value))[:LETTERS]
