"""A cell: one unit of work, what its result depends on, and where that belongs."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from ood_bench.cells.address import Address, Listed
from ood_bench.hashing import digest

CellKind = Literal["train", "score", "detect", "metric", "analysis", "audit"]


@dataclass(frozen=True)
class Cell:
    """One unit of work.

    Attributes:
        kind: What is done.
        name: What users call it, for messages and for `--only` and `--skip`.
        options: All that its result depends on beside its inputs, as JSON.
        inputs: Keys of the cells that it reads, by role.
        request: How to find what the options name by digest (a data set's name and source),
            as JSON; not part of the key.
        at: Where its result belongs; several addresses may share a cell. Not part of the key.
        key: Digest of kind, options and inputs.
    """

    kind: CellKind
    name: str
    options: Mapping[str, Any]
    inputs: Mapping[str, str]
    request: Mapping[str, Any] = field(default_factory=dict)
    at: tuple[Address, ...] = ()
    key: str = field(init=False)

    def __post_init__(self) -> None:
        content = {"kind": self.kind, "options": self.options, "inputs": self.inputs}
        object.__setattr__(self, "key", digest(content))

    @property
    def listed(self) -> Iterator[Listed]:
        """The cell as records list it, once an address."""
        kind = self.options.get("measures", self.kind)
        return (Listed(kind, self.key, at) for at in self.at)

    @property
    def rows(self) -> dict[str, str]:
        """The names of the rows that it fills: those of a detector on a pair."""
        names = ("model", "inside", "outside", "detector")
        return {
            name: getattr(item.at, name)
            for item in self.listed
            if item.kind == "detection"
            for name in names
        }
