"""The live bar of a terminal, and how often a plain line stands in for it elsewhere."""

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

PLAIN_SECONDS = 15.0
"""Time between two plain lines about one thing."""


def live_bar(console: Console) -> Progress:
    """Return a bar that is gone when its work is done, and never there but in a terminal."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:.0f}/{task.total:.0f}"),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
