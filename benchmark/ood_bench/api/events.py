"""Events of a run for progress callbacks."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from ood_bench.execute import Done, Failed, Step
    from ood_bench.plan import Plan


@dataclass(frozen=True)
class Begun:
    """A run has begun.

    Attributes:
        plan: Its cells.
        stored: How many of them are finished.
        expected: Seconds that each other one is expected to take, by key; None if unknown, as is
            that of a training that was not measured.
    """

    plan: "Plan"
    stored: int
    expected: "Mapping[str, float | None]" = field(default_factory=dict)

    def __str__(self) -> str:
        """Return one line."""
        return f"{len(self.plan.cells)} cells, {self.stored} of them stored"


@dataclass(frozen=True)
class Drawn:
    """Figures of a report are drawn: `done` of all `total`."""

    done: int
    total: int

    def __str__(self) -> str:
        """Return one line."""
        return f"{self.done} of {self.total} figures"


Event: TypeAlias = "Begun | Step | Done | Failed | Drawn"
"""An event of a run: `Begun` once; for each cell that is not stored a `Step` when it begins and,
for a training, about twice a second; for every cell `Done` or `Failed`; and `Drawn` after each
figure of the report. The text of each is one line."""

Progress: TypeAlias = Callable[[Event], None]
"""Called with each event of a run, in the thread that runs it; `print` will do."""
