"""What an executor is: a plan and a store in, one outcome a cell out."""

from abc import ABC, abstractmethod
from collections.abc import Generator
from dataclasses import dataclass
from typing import TypeAlias

from ood_bench.cells import Cell
from ood_bench.cells.context import WorkContext
from ood_bench.execute.devices import threads_at_hand
from ood_bench.plan import Plan
from ood_bench.store import Store


@dataclass(frozen=True)
class Done:
    """A finished cell. `stored` tells that it was there before; `seconds` is then 0."""

    cell: Cell
    stored: bool
    seconds: float

    def __str__(self) -> str:
        """Return one line."""
        how = "is stored" if self.stored else f"in {self.seconds:.1f} s"
        return f"{self.cell.name} {how}"


@dataclass(frozen=True)
class Failed:
    """A cell that could not be finished; nothing of it is kept.

    Attributes:
        cell: The cell.
        message: One line.
        traceback: Where it happened; empty for a mistake in a plugin or in the data, and for
            a cell whose input failed.
        mistake: Whether the user can mend it: a plugin's or the data's fault.
    """

    cell: Cell
    message: str
    traceback: str = ""
    mistake: bool = False

    def __str__(self) -> str:
        """Return one line."""
        return f"failed: {self.cell.name}: {self.message}"


@dataclass(frozen=True)
class Missing:
    """A cell that could not be worked on, since finished inputs of it were no longer there.

    Another run may have removed them, or a disk damaged them; they are made again.
    """

    cell: Cell
    keys: tuple[str, ...]


Outcome: TypeAlias = Done | Failed


class Executor(ABC):
    """A plugin: finishes the cells that the store lacks, in whatever place and order it likes.

    Its options are keyword arguments of its constructor. `--jobs` sets the one named `jobs`: how
    many cells are worked on at a time.
    """

    @abstractmethod
    def run(self, plan: Plan, store: Store, context: WorkContext) -> Generator[Outcome, None, None]:
        """Yield an outcome for every cell of the plan, each after those of its inputs.

        A failed cell does not stop the others, but for those that need it. Closing the generator
        ends what is in work.

        Args:
            plan: The cells, each after its inputs.
            store: Where finished cells lie; another process opens it anew, `Store(store.root)`.
            context: Plugins, data sets and the progress callback; to send it to another process,
                replace the callback by one that can be pickled.

        Raises:
            OSError: If the machine refuses to write to the store.
        """

    def manifest(self, plan: Plan, context: WorkContext) -> dict[str, str]:
        """Return what the record of a run says of where its cells were worked on."""
        del plan, context
        return {"executor": type(self).__name__, "threads": str(threads_at_hand())}
