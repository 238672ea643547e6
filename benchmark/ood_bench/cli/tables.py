"""Tables of the report, for a terminal."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Literal

from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from ood_bench.report import Section, TextTable


def rich_table(shown: "TextTable", *, title: str = "") -> Table:
    """Return a table without lines, numbers set to the right.

    Args:
        shown: The table.
        title: What stands above it. Such a table is one of several and set narrow: only its
            first column may wrap.
    """
    table = Table(box=None, pad_edge=False)
    if title:
        table.title, table.title_justify, table.title_style = title, "left", "bold"
        table.padding = (0, 1, 0, 0)
    for place, (heading, numeric) in enumerate(shown.columns):
        justify: Literal["left", "right"] = "right" if numeric else "left"
        whole = bool(title) and place > 0
        table.add_column(heading, justify=justify, overflow="fold", no_wrap=whole)
    for row in shown.rows:
        table.add_row(*row)
    return table


def print_sections(console: Console, sections: Iterable["Section"]) -> None:
    """Print tables with their footnotes and what their columns mean."""
    for place, section in enumerate(sections):
        if place:
            console.print()
        console.print(rich_table(section.table))
        for text in filter(None, (*section.table.footnotes, section.conventions)):
            console.print(text, highlight=False, markup=False)
