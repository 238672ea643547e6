"""What a worker needs: plugins, data sets, a device, a progress callback."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from ood_bench.data import DataOptions, Images, Library, Shape
from ood_bench.errors import DataError, PluginError
from ood_bench.registry import Kind, Registry

if TYPE_CHECKING:
    from ood_bench.cells.cell import Cell
    from ood_bench.lit import TrainingProgress


@dataclass(frozen=True)
class Wanted:
    """Reference to images that a cell reads, by which a worker loads them.

    Attributes:
        digest: The content digest that they must have; the key depends on it alone.
        data: The data set's name in the suite.
        options: The options of the data set in the suite.
        split: `train` or `test`.
        shape: The shape that they are transformed to.
    """

    digest: str
    data: str
    options: DataOptions
    split: str
    shape: Shape


@dataclass(frozen=True)
class Step:
    """An event of a cell: it begins, or its training has reached a step."""

    cell: "Cell"
    training: "TrainingProgress | None" = None

    def __str__(self) -> str:
        """Return one line."""
        return f"{self.cell.shown}: {self.training}" if self.training else self.cell.shown


@dataclass
class WorkContext:
    """What a worker needs to work on cells in this process.

    Attributes:
        registry: The installed plugins.
        library: The data sets.
        device: `auto`, `cpu`, `cuda` or `cuda:N`.
        progress: Called when a cell begins, and with the progress of its training.
        checkpoint_seconds: Least time between two training checkpoints.
        run: The name of the run's folder; empty outside of a run.
    """

    registry: Registry
    library: Library
    device: str = "auto"
    progress: Callable[[Step], None] = field(default=lambda _: None)
    checkpoint_seconds: float = 30.0
    run: str = ""

    def images(self, wanted: Wanted | None) -> Images:
        """Load the images that a cell asks for.

        Raises:
            DataError: If they changed since the run was planned.
        """
        if wanted is None:
            raise DataError("what is read of a store does not say where to find the images")
        images = self.library.load(wanted.data, wanted.options, wanted.split, wanted.shape)
        if images.digest != wanted.digest:
            raise DataError(
                f"'{wanted.data}' ({wanted.split}) changed since the run was planned; run again"
            )
        return images

    def plugin(
        self,
        kind: Kind,
        name: str,
        revision: int | str,
        options: Mapping[str, Any] = MappingProxyType({}),
    ) -> type[Any]:
        """Import a plugin.

        Raises:
            PluginError: If it does not import, or changed since the run was planned.
        """
        plugin = self.registry.load(kind, name)
        if self.registry.revision(name, plugin, options) != revision:
            raise PluginError(f"'{name}' changed since the run was planned; run again")
        return plugin

    def provenance(self, wanted: Wanted) -> Mapping[str, Any]:
        """Return the provenance of the images that a cell asks for.

        The additional entry `pipeline` holds the transform as a suite writes it.
        """
        info = self.library.info(wanted.data, wanted.options, wanted.split, wanted.shape)
        transform = self.library.transform(wanted.data, wanted.options)
        return asdict(info) | {"pipeline": transform.model_dump(mode="json")}
