"""A cell: one unit of work and the addresses of its result."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ood_bench.cells.address import Address, RecordedCell
from ood_bench.cells.spec import Spec


@dataclass(frozen=True)
class Cell:
    """One unit of work.

    Attributes:
        name: The name in messages, matched by `--only` and `--skip`.
        spec: The work, and everything that its result depends on.
        at: The addresses of its result, which are not part of the key.
    """

    name: str
    spec: Spec
    at: tuple[Address, ...] = ()

    @property
    def shown(self) -> str:
        """The name in lines of progress: `load/…` for weights that are loaded, not trained."""
        return self.spec.shown(self.name)

    @property
    def key(self) -> str:
        """Digest of everything that the result depends on."""
        return self.spec.key

    @property
    def kind(self) -> str:
        """The kind of cell."""
        return self.spec.kind

    @property
    def inputs(self) -> Mapping[str, str]:
        """Keys of the cells that it reads, by role."""
        return self.spec.inputs

    @property
    def listed(self) -> Iterator[RecordedCell]:
        """The entries of the cell in a run's record, one per address."""
        return (RecordedCell(self.kind, self.key, at) for at in self.at)

    @property
    def rows(self) -> dict[str, str]:
        """The names of the report rows that it fills: model, inside, outside, detector."""
        if self.kind != "detection":
            return {}
        names = ("model", "inside", "outside", "detector")
        return {name: getattr(at, name) for at in self.at for name in names}
