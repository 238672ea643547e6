"""The live bars of a terminal."""

from collections.abc import Iterable

from rich.console import Console, RenderableType
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.spinner import Spinner
from rich.table import Column
from rich.text import Text


class Bars(Progress):
    """Bars below two lines of text, gone when their work is done and never there but in a terminal.

    Each task has the field `left`, a text that stands right of its bar.

    Attributes:
        summary: The first line; empty for none.
        now: The second one, with a spinner; empty for none.
    """

    summary = ""
    now = ""

    def __init__(self, console: Console) -> None:
        self._spinner = Spinner("line")
        super().__init__(
            TextColumn("{task.description}", table_column=Column(no_wrap=True)),
            BarColumn(bar_width=20),
            TextColumn("{task.completed:.0f}/{task.total:.0f}"),
            TimeElapsedColumn(),
            TextColumn("{task.fields[left]}", table_column=Column(no_wrap=True)),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )

    def get_renderables(self) -> Iterable[RenderableType]:
        """Yield the lines and the bars."""
        if self.summary:
            yield Text(self.summary, no_wrap=True, overflow="ellipsis")
        if self.now:
            self._spinner.update(text=Text(self.now, no_wrap=True, overflow="ellipsis"))
            yield self._spinner
        yield self.make_tasks_table(self.tasks)
