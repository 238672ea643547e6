"""Progress of a run and its report: a live bar in a terminal, plain lines elsewhere."""

import time
from types import TracebackType
from typing import TYPE_CHECKING, Self

from rich.progress import TaskID

from ood_bench.api.events import Begun, Drawn, Event
from ood_bench.cli.bar import PLAIN_SECONDS, live_bar
from ood_bench.cli.console import terminal

if TYPE_CHECKING:
    from ood_bench.execute import Done, Failed, Step

_CELLS, _FIGURES = "cells", "figures"


class Display:
    """Shows what a run does, on the standard error stream; call it with each event.

    Attributes:
        failures: The cells that failed.
    """

    def __init__(self) -> None:
        self.failures: list[Failed] = []
        self._console = terminal(stderr=True)
        self._bar = live_bar(self._console)
        self._tasks: dict[str, TaskID] = {}
        self._last: dict[str, float] = {}
        self._left = self._done = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._bar.stop()

    def __call__(self, event: Event) -> None:
        """Show an event."""
        from ood_bench.execute import Failed, Step

        if isinstance(event, Begun):
            self._left = len(event.plan.cells) - event.stored
            self._line(str(event))
            if self._left:
                self._show(_CELLS, 0, self._left, _CELLS)
        elif isinstance(event, Drawn):
            self._hide(_CELLS)
            self._show(_FIGURES, event.done, event.total, _FIGURES)
            self._now_and_then(_FIGURES, str(event))
        elif isinstance(event, Step):
            self._step(event)
        else:
            if isinstance(event, Failed):
                self.failures.append(event)
            self._ended(event)

    def _step(self, step: "Step") -> None:
        progress, key = step.training, step.cell.key
        if progress is None:
            self._last[key] = time.monotonic()
            if _CELLS in self._tasks:
                self._show(_CELLS, self._done, self._left, step.cell.name)
            return
        text = f"{step.cell.name}: {progress.loss}, {progress.images_per_second:.0f} images/s"
        self._show(key, progress.step, progress.steps, text)
        self._now_and_then(key, str(step))

    def _ended(self, outcome: "Done | Failed") -> None:
        from ood_bench.execute import Done

        if isinstance(outcome, Done) and outcome.stored:
            return
        self._done += 1
        self._hide(outcome.cell.key)
        if _CELLS in self._tasks:
            self._bar.update(self._tasks[_CELLS], completed=self._done)
        if not isinstance(outcome, Done):
            self._line(str(outcome))
        elif outcome.seconds >= 1.0 or outcome.cell.kind == "train":
            self._line(f"[{self._done}/{self._left}] {outcome}")

    def _show(self, name: str, done: int, total: int, text: str) -> None:
        """Show a bar, in a terminal alone."""
        if name not in self._tasks:
            self._bar.start()
            self._tasks[name] = self._bar.add_task(text, total=total)
        self._bar.update(self._tasks[name], description=text, completed=done, total=total)

    def _hide(self, name: str) -> None:
        if name in self._tasks:
            self._bar.remove_task(self._tasks.pop(name))

    def _now_and_then(self, name: str, text: str) -> None:
        """Print a line where there is no terminal, unless one of the same was printed just now."""
        now = time.monotonic()
        if self._bar.disable and now - self._last.setdefault(name, now) >= PLAIN_SECONDS:
            self._last[name] = now
            self._line(text)

    def _line(self, text: str) -> None:
        self._console.print(text, highlight=False, markup=False, soft_wrap=True)
