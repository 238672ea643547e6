"""Tables of the report, for a terminal."""

from typing import TYPE_CHECKING

from rich.table import Table

if TYPE_CHECKING:
    from ood_bench.report import TextTable


def rich_table(shown: "TextTable") -> Table:
    """Return a table without lines, numbers set to the right."""
    table = Table(box=None, pad_edge=False)
    for heading, numeric in shown.columns:
        justify = "right" if numeric else "left"
        table.add_column(heading, justify=justify, overflow="fold")  # type: ignore[arg-type]  # one of rich's words
    for row in shown.rows:
        table.add_row(*row)
    return table
