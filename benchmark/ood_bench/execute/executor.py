"""The interface of executors: a plan and a store in, one outcome per cell out."""

from abc import ABC, abstractmethod
from collections.abc import Generator
from dataclasses import dataclass
from typing import ClassVar, TypeAlias

from ood_bench.cells import Cell
from ood_bench.cells.context import WorkContext
from ood_bench.execute.devices import threads_at_hand
from ood_bench.plan import Plan
from ood_bench.store import Store


@dataclass(frozen=True)
class Done:
    """A finished cell. If `stored`, it existed before this run, and `seconds` is 0."""

    cell: Cell
    stored: bool
    seconds: float

    def __str__(self) -> str:
        """Return one line."""
        how = "is stored" if self.stored else f"in {self.seconds:.1f} s"
        return f"{self.cell.shown} {how}"


@dataclass(frozen=True)
class Failed:
    """A cell that failed; nothing of it is stored.

    Attributes:
        cell: The cell.
        message: The reason, in one line.
        traceback: The traceback; empty for an error of a plugin or of the data, and for a cell
            whose input failed.
        mistake: Whether the user can fix it: an error of a plugin, the data or the suite.
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
    """A cell whose finished inputs have disappeared; they are computed again.

    Another run may have removed them, or the disk damaged them.
    """

    cell: Cell
    keys: tuple[str, ...]


Outcome: TypeAlias = Done | Failed


class Executor(ABC):
    """Base of executor plugins: computes the cells that the store lacks, anywhere, in any order.

    Options are keyword arguments of the constructor. `--jobs` sets the option `jobs`, the number
    of concurrent cells; `--cluster` sets `cluster`, a checked `Cluster`; `--detach` sets `detach`,
    whether what was submitted goes on when the run is interrupted.

    Attributes:
        elsewhere: Whether cells are computed on other machines, which may have other devices;
            the name of the device is then passed on as it is.
    """

    elsewhere: ClassVar[bool] = False

    @abstractmethod
    def run(self, plan: Plan, store: Store, context: WorkContext) -> Generator[Outcome, None, None]:
        """Yield an outcome for every cell of the plan, each after those of its inputs.

        A failed cell stops only the cells that depend on it. Closing the generator ends the
        cells in progress.

        Args:
            plan: The cells, each after its inputs.
            store: The store of finished cells; another process opens its own, `Store(store.root)`.
            context: Plugins, data sets and the progress callback; to send it to another process,
                replace the callback by one that can be pickled.

        Raises:
            OSError: If the machine refuses to write to the store.
        """

    def manifest(self, plan: Plan, context: WorkContext) -> dict[str, str]:
        """Return entries for the run's record about where its cells were computed."""
        del plan, context
        return {"executor": type(self).__name__, "threads": str(threads_at_hand())}
