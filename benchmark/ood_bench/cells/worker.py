"""Worker: processes cells in one process. Each kind of cell defines its own work."""

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, cast

from ood_bench.cells.cell import Cell
from ood_bench.cells.context import WorkContext
from ood_bench.cells.finished import CellFiles
from ood_bench.cells.train import Train
from ood_bench.zoo.layout import WEIGHTS

if TYPE_CHECKING:
    from ood_bench.capabilities import DensityModel
    from ood_bench.lit import ImageModule


class Task(NamedTuple):
    """A cell to be processed.

    Attributes:
        cell: The cell, for messages and progress.
        worker: Plugins, images, finished cells and the device.
        folder: An empty folder for its files.
        notes: Takes what is recorded beside the result, in its environment.
    """

    cell: Cell
    worker: "Worker"
    folder: Path
    notes: dict[str, str]


class Worker:
    """Processes cells in this process, and keeps the last model in memory.

    Args:
        context: Plugins, data sets and the progress callback.
        store: Finished cells, and a place for checkpoints.
        device: The device that models run on.
    """

    def __init__(self, context: WorkContext, store: CellFiles, *, device: str) -> None:
        self.context = context
        self.store = store
        self.device = device
        self._model: tuple[str, ImageModule] | None = None

    def work(self, cell: Cell, folder: Path) -> dict[str, str]:
        """Compute a cell, write its files to the folder, and return notes for its environment."""
        notes: dict[str, str] = {}
        cell.spec.work(Task(cell, self, folder, notes))
        return notes

    def trained(self, key: str) -> "ImageModule":
        """Return a finished model in evaluation mode, on its device."""
        from ood_bench.lit.stored import load_stored

        if self._model is None or self._model[0] != key:
            model = self.store.spec(key, Train).build(self)
            model.load_state_dict(load_stored(self.store.file(key, WEIGHTS)))
            self._model = (key, model.eval())
        return self._model[1]

    def density(self, key: str) -> "DensityModel":
        """Return a finished density model, in evaluation mode, on its device."""
        return cast("DensityModel", self.trained(key))

    def forget_model(self) -> None:
        """Free the model in memory."""
        self._model = None
