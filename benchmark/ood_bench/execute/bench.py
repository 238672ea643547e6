"""What cells are worked on with: plugins, data, a device and somebody to tell."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from ood_bench.cells import Cell
from ood_bench.data import DataOptions, Images, Library, Shape
from ood_bench.errors import DataError, PluginError
from ood_bench.registry import Kind, Registry

if TYPE_CHECKING:
    from ood_bench.lit import Progress


@dataclass(frozen=True)
class Step:
    """News of a cell: it has begun, or its training has come this far."""

    cell: Cell
    training: "Progress | None" = None


@dataclass
class Bench:
    """The means to work on cells in this process.

    Attributes:
        registry: The installed plugins.
        library: The data sets.
        device: `auto`, `cpu`, `cuda` or `cuda:N`.
        tell: Called with news.
        checkpoint_seconds: Least time between two training checkpoints.
    """

    registry: Registry
    library: Library
    device: str = "auto"
    tell: Callable[[Step], None] = field(default=lambda _: None)
    checkpoint_seconds: float = 30.0

    def images(self, request: dict[str, Any], digest: str | None = None) -> Images:
        """Load the images that a cell asks for.

        Raises:
            DataError: If they are no longer those that were planned with.
        """
        images = self.library.load(
            request["data"],
            DataOptions.model_validate(request["options"]),
            request["split"],
            Shape(*request["shape"]),
        )
        if digest is not None and images.digest != digest:
            raise DataError(
                f"'{request['data']}' ({request['split']}) changed since the run was planned; "
                "run again"
            )
        return images

    def plugin(self, kind: Kind, options: Mapping[str, Any]) -> type[Any]:
        """Import the plugin that a cell's options name.

        Raises:
            PluginError: If it does not import, or is no longer what was planned with.
        """
        name = options["plugin"]
        plugin = self.registry.load(kind, name)
        if self.registry.revision(name, plugin) != options["revision"]:
            raise PluginError(f"'{name}' changed since the run was planned; run again")
        return plugin

    def provenance(self, request: dict[str, Any]) -> dict[str, Any]:
        """Return where the images that a cell asks for come from, and what is done to them.

        Beside the provenance itself `pipeline` has the transform as a suite writes it.
        """
        name, options = request["data"], DataOptions.model_validate(request["options"])
        shape = Shape(*request["shape"])
        info = self.library.info(name, options, request["split"], shape)
        transform = self.library.transform(name, options)
        return asdict(info) | {"pipeline": transform.model_dump(mode="json")}
