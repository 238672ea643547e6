"""What the command prints: consoles and lines in which no name can move the terminal's cursor."""

import logging
import sys
from collections.abc import Iterable, Iterator
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.logging import RichHandler
from rich.segment import Segment

from ood_bench.streams import visible

LOG_WIDTH = 160
"""Columns of what is printed where there is no terminal: a log or a pipe has no edge."""


class VisibleConsole(Console):
    """A console that writes out the control characters of what it prints, all but its own."""

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        """Return the segments of a renderable."""
        return _visible(super().render(renderable, options))


def terminal(*, stderr: bool = False, **settings: Any) -> Console:
    """Return a console for standard output or error, as wide as the terminal or else `LOG_WIDTH`.

    Args:
        stderr: Whether it writes to standard error.
        **settings: Of `rich.console.Console`.
    """
    made = VisibleConsole(stderr=stderr, **settings)
    if not made.is_terminal:
        made.width = LOG_WIDTH
    return made


def say(text: object, *, err: bool = False) -> None:
    """Print a line."""
    stream = sys.stderr if err else sys.stdout
    stream.write(f"{visible(str(text))}\n")
    stream.flush()


def log_to_terminal() -> None:
    """Let warnings go to standard error, each in a line."""
    errors = terminal(stderr=True)
    handler: logging.Handler = (
        RichHandler(console=errors, show_time=False, show_path=False)
        if errors.is_terminal
        else logging.StreamHandler()
    )
    handler.setFormatter(_Visible("%(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)


class _Visible(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return visible(super().format(record))


def _visible(segments: Iterable[Segment]) -> Iterator[Segment]:
    for segment in segments:
        if segment.control:
            yield segment
        else:
            yield Segment(visible(segment.text), segment.style)
