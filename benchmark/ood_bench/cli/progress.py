"""Progress of a run and its report: live bars in a terminal, a line now and then elsewhere."""

import time
from threading import Event as Flag
from threading import RLock, Thread
from types import TracebackType
from typing import TYPE_CHECKING, Self

from rich.markup import escape
from rich.progress import TaskID

from ood_bench.api.events import Begun, Drawn, Event
from ood_bench.cli.bar import Bars
from ood_bench.cli.console import terminal

if TYPE_CHECKING:
    from ood_bench.execute import Done, Failed, Step
    from ood_bench.plan.forecast import Forecast

LOG_SECONDS = 30.0
"""Time after which a log is told what goes on, if nothing else was written to it meanwhile."""

LOOK_SECONDS = 1.0
"""Time between two looks at whether a log is to be told."""

SHOWN_SECONDS = 0.2
"""Least time between two looks at how far a run is."""

SHARE = 20
"""Multiple of the time of such a look that passes until the next, as it grows with the cells."""

_RUN = "cells"
_FIGURES = "figures"


class Display:
    """Shows what a run does, on the standard error stream; call it with each event.

    Args:
        at_first: What goes on before the first event.

    Attributes:
        failures: The cells that failed.
    """

    def __init__(self, at_first: str = "reading the suite, its plugins and its data") -> None:
        self.failures: list[Failed] = []
        self._console = terminal(stderr=True)
        self._bar = Bars(self._console)
        self._tasks: dict[str, TaskID] = {}
        self._forecast: Forecast | None = None
        self._says = at_first
        self._next_look = 0.0
        self._written = time.monotonic()
        self._lock, self._ended = RLock(), Flag()

    def __enter__(self) -> Self:
        self._say(self._says)
        self._bar.start()
        if self._bar.disable:
            Thread(target=self._log, daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._ended.set()
        self._bar.stop()

    def __call__(self, event: Event) -> None:
        """Show an event."""
        with self._lock:
            self._take(event)

    def _take(self, event: Event) -> None:
        from ood_bench.execute import Failed, Step
        from ood_bench.plan.forecast import Forecast

        if isinstance(event, Begun):
            self._line(str(event))
            self._forecast = Forecast(event.plan.cells, event.expected)
            self._whole()
        elif isinstance(event, Drawn):
            self._says = f"{event.done} of {event.total} figures"
            self._bar.now = ""  # its own bar says it
            self._show(_FIGURES, _FIGURES, event.done, event.total)
        elif isinstance(event, Step):
            self._step(event)
        else:
            if isinstance(event, Failed):
                self.failures.append(event)
            self._outcome(event)

    def _step(self, step: "Step") -> None:
        """Show that a cell begins, or how far a training is."""
        key, progress, now = step.cell.key, step.training, time.monotonic()
        self._say(str(step))
        if progress is not None:
            self._bar.now = ""  # its own bar says it
            name = step.cell.name.removeprefix("train/")
            rate = f"{progress.loss}, {progress.images_per_second:.0f} images/s"
            self._show(key, f"{name}: {rate}", progress.step, progress.steps)
        if self._forecast is not None and progress is not None:
            self._forecast.train(key, progress.seconds_left, now)
        elif self._forecast is not None:
            self._forecast.begin(key, now)
        self._whole()

    def _outcome(self, outcome: "Done | Failed") -> None:
        """Show how a cell ended, and what is in progress now."""
        from ood_bench.execute import Done

        if self._forecast is None:
            return
        seconds = outcome.seconds if isinstance(outcome, Done) else 0.0
        self._forecast.end(outcome.cell.key, seconds)
        self._hide(outcome.cell.key)
        self._whole()
        total = self._forecast.total.total()
        if not isinstance(outcome, Done):
            self._line(str(outcome))
        elif not outcome.stored and (seconds >= 1.0 or outcome.cell.kind == "train"):
            self._line(f"[{total - self._forecast.pending}/{total}] {outcome}")

    def _whole(self) -> None:
        """Show how far the run is, in a terminal, a few times a second."""
        if self._forecast is None:
            return
        if not self._forecast.pending:
            self._hide(_RUN)
            self._bar.summary = ""
            self._say("writing the report")
        elif not self._bar.disable and (began := time.monotonic()) >= self._next_look:
            total = self._forecast.total.total()
            self._bar.summary = str(self._forecast)
            self._show(_RUN, _RUN, total - self._forecast.pending, total, self._left())
            took = time.monotonic() - began
            self._next_look = began + max(SHOWN_SECONDS, SHARE * took)

    def _left(self) -> str:
        """Return about how long the run still takes; empty if it is unknown."""
        from ood_bench.report.numbers import duration

        left = None if self._forecast is None else self._forecast.seconds_left(time.monotonic())
        return "" if left is None else f"about {duration(left)} left"

    def _show(self, name: str, text: str, done: int, total: int, left: str = "") -> None:
        """Show a bar, in a terminal alone."""
        if self._bar.disable:
            return
        if name not in self._tasks:
            self._tasks[name] = self._bar.add_task("", total=total, left="")
        self._bar.update(
            self._tasks[name], description=escape(text), completed=done, total=total, left=left
        )

    def _hide(self, name: str) -> None:
        if name in self._tasks:
            self._bar.remove_task(self._tasks.pop(name))

    def _say(self, text: str) -> None:
        """Show what goes on, and keep it for a log that is told nothing for a while."""
        self._says = self._bar.now = text

    def _log(self) -> None:
        """Tell a log what goes on whenever nothing was written to it for a while."""
        while not self._ended.wait(LOOK_SECONDS):
            with self._lock:
                if time.monotonic() - self._written >= LOG_SECONDS:
                    self._line(self._summary())

    def _summary(self) -> str:
        found = self._forecast
        if found is None or not found.pending:
            return self._says
        return "; ".join(filter(None, (f"{found}", self._left(), f"now {self._says}")))

    def _line(self, text: str) -> None:
        self._written = time.monotonic()
        self._console.print(text, highlight=False, markup=False, soft_wrap=True)
