"""Progress of a run: a live bar in a terminal, plain lines elsewhere."""

import time
from types import TracebackType
from typing import Self

from rich.progress import Progress, TaskID

from ood_bench.cli.bar import PLAIN_SECONDS, live_bar
from ood_bench.cli.console import terminal
from ood_bench.execute import Done, Failed, Outcome, Step
from ood_bench.plan import Plan
from ood_bench.store import Store


class Display:
    """Shows what a run does, on the standard error stream."""

    def __init__(self, plan: Plan, store: Store) -> None:
        self.console = terminal(stderr=True)
        self.total = len(plan.cells)
        self.left = sum(not store.has(cell.key) for cell in plan.cells)
        self.done = 0
        self._last: dict[str, float] = {}
        self._bar: Progress | None = None
        self._cells: TaskID | None = None
        self._training: dict[str, TaskID] = {}

    def __enter__(self) -> Self:
        stored = self.total - self.left
        self._line(f"{self.total} cells, {stored} of them stored")
        if self.console.is_terminal and self.left:
            self._bar = live_bar(self.console)
            self._bar.start()
            self._cells = self._bar.add_task("cells", total=self.left)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def _line(self, text: str) -> None:
        self.console.print(text, highlight=False, markup=False, soft_wrap=True)

    def tell(self, step: Step) -> None:
        """Show that a cell has begun, or how far its training has come."""
        progress, key = step.training, step.cell.key
        if progress is None:
            self._last[key] = time.monotonic()
            if self._bar is not None and self._cells is not None:
                self._bar.update(self._cells, description=step.cell.name)
            return
        text = f"{step.cell.name}: {progress.loss}, {progress.images_per_second:.0f} images/s"
        if self._bar is not None:
            if key not in self._training:
                self._training[key] = self._bar.add_task(text, total=progress.steps)
            self._bar.update(
                self._training[key],
                description=text,
                completed=progress.step,
                total=progress.steps,
            )
        elif time.monotonic() - self._last[key] >= PLAIN_SECONDS:
            self._last[key] = time.monotonic()
            self._line(f"{text}, step {progress.step} of {progress.steps}")

    def show(self, outcome: Outcome) -> None:
        """Show what became of a cell."""
        if isinstance(outcome, Done) and outcome.stored:
            return
        self.done += 1
        if self._bar is not None and self._cells is not None:
            task = self._training.pop(outcome.cell.key, None)
            if task is not None:
                self._bar.remove_task(task)
            self._bar.update(self._cells, completed=self.done)
        if isinstance(outcome, Failed):
            self._line(f"failed: {outcome.cell.name}: {outcome.message}")
        elif outcome.seconds >= 1.0 or outcome.cell.kind == "train":
            self._line(f"[{self.done}/{self.left}] {outcome.cell.name} in {outcome.seconds:.1f} s")
