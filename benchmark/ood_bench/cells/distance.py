"""Cell of the pixel distance of a pair whose OOD set has a category; no model takes part."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated

from pydantic import BaseModel, ConfigDict, Field

from ood_bench.audit.distance import pixel_distance
from ood_bench.cells.audit import AUDIT
from ood_bench.cells.context import Wanted
from ood_bench.cells.spec import NotHashed, Spec
from ood_bench.cells.tables import write_json
from ood_bench.typed import Count

if TYPE_CHECKING:
    from ood_bench.cells.finished import Cells
    from ood_bench.cells.worker import Task


@dataclass(frozen=True, kw_only=True)
class PairDistance(Spec):
    """The pixel distance of an OOD set from an ID set.

    Attributes:
        data: Digests of the images by side: `inside` and `outside` are test images, `train` the
            training images.
        images: The images, by side.
        revision: Raised when the computation changes.
    """

    kind, family = "distance", "audit"
    constant = (("audits", "distance"),)
    files = frozenset({AUDIT})

    data: Mapping[str, str]
    images: Annotated[Mapping[str, Wanted], NotHashed] = field(default_factory=dict)
    revision: int = 1

    def work(self, task: "Task") -> None:
        """Measure the distance."""
        found = {
            side: task.worker.context.images(wanted).pixels for side, wanted in self.images.items()
        }
        write_json(task.folder / AUDIT, pixel_distance(**found)._asdict())

    @staticmethod
    def read(store: "Cells", key: str) -> "DistanceFound":
        """Return the result of a finished cell."""
        return store.read_typed(key, AUDIT, DistanceFound)


class DistanceFound(BaseModel):
    """Content of the `audit.json` of a distance; the fields of `audit.distance.PixelDistance`."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

    distance: Annotated[float, Field(ge=0)]
    own: Annotated[float, Field(ge=0)]
    images: Count
