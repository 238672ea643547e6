"""A cell: one unit of work, and where its result belongs."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ood_bench.cells.address import Address, Listed
from ood_bench.cells.spec import Spec


@dataclass(frozen=True)
class Cell:
    """One unit of work.

    Attributes:
        name: What users call it, for messages and for `--only` and `--skip`.
        spec: What is done, and all that its result depends on.
        at: Where its result belongs; several addresses may share a cell. Not part of the key.
    """

    name: str
    spec: Spec
    at: tuple[Address, ...] = ()

    @property
    def key(self) -> str:
        """The digest of all that its result depends on."""
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
    def listed(self) -> Iterator[Listed]:
        """The cell as records list it, once an address."""
        return (Listed(self.kind, self.key, at) for at in self.at)

    @property
    def rows(self) -> dict[str, str]:
        """The names of the rows that it fills: those of a detector on a pair."""
        if self.kind != "detection":
            return {}
        names = ("model", "inside", "outside", "detector")
        return {name: getattr(at, name) for at in self.at for name in names}
