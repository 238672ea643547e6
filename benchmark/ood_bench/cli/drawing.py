"""Progress of a report's figures: a live bar in a terminal, a plain line now and then elsewhere."""

import time
from types import TracebackType
from typing import Self

from ood_bench.cli.bar import PLAIN_SECONDS, live_bar
from ood_bench.cli.console import terminal


class Drawing:
    """Tells on the standard error stream how many figures are there; call it after each."""

    def __init__(self) -> None:
        self._console = terminal(stderr=True)
        self._bar = live_bar(self._console)
        self._task = self._bar.add_task("figures", total=0)
        self._last = time.monotonic()

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._bar.stop()

    def __call__(self, done: int, total: int) -> None:
        """Say that so many figures of all are there."""
        self._bar.update(self._task, completed=done, total=total)
        if self._bar.disable and time.monotonic() - self._last >= PLAIN_SECONDS:
            self._last = time.monotonic()
            self._console.print(f"{done} of {total} figures", highlight=False)
