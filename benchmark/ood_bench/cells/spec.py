"""Specification of a cell: a frozen type whose canonical JSON is hashed into the key."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cache, cached_property
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self, get_type_hints

from ood_bench.errors import StoreError
from ood_bench.hashing import canonical, digest
from ood_bench.typed import Key, typed

if TYPE_CHECKING:
    from ood_bench.cells.worker import Task


@dataclass(frozen=True)
class Role:
    """Annotation of a field with inputs: the key of one cell, or a mapping of names to keys.

    Attributes:
        separator: Stands between the role and the names of the mapping; empty for one cell.
        name: The role; default: the field's name.
    """

    separator: str = ""
    name: str = ""


class NotHashed:
    """Annotation of a field that is not hashed: it tells a worker where to find an input."""


Input = Annotated[Key, Role()]
"""The key of one input cell; the field's name is its role."""

Inputs = Annotated[Mapping[str, Key], Role(".")]
"""Keys of input cells; each role is the field's name, a dot and the mapping's key."""


class Spec(ABC):
    """Base of the kinds of cells: a frozen dataclass of everything that the result depends on.

    A field is an option, hashed unless it is None; an input, marked by a `Role` and hashed
    under it; or marked as `Beside` and not hashed.

    Attributes:
        kind: Its name in the records of runs.
        family: Its name in keys and manifests, shared by kinds that differ in `constant`.
        constant: Options that all cells of the kind share, hashed with the others.
        files: Names of the files that a finished cell must have.
        reported: Whether reports read its result; otherwise only other cells do.
    """

    kind: ClassVar[str]
    family: ClassVar[str]
    constant: ClassVar[tuple[tuple[str, str], ...]] = ()
    files: ClassVar[frozenset[str]]
    reported: ClassVar[bool] = True

    @abstractmethod
    def work(self, task: "Task") -> None:
        """Compute the cell and write its files to the task's folder."""

    @property
    def calls_model(self) -> bool:
        """Whether the work trains or calls a model, which is faster on a GPU."""
        return False

    def shown(self, name: str) -> str:
        """Return what lines of progress call a cell of some name."""
        return name

    @cached_property
    def hashed(self) -> dict[str, Any]:
        """Everything that the result depends on beside its inputs, as JSON."""
        names = [name for name, role in _fields(type(self)) if role is None]
        given = {name: getattr(self, name) for name in names}
        stated = {name: value for name, value in given.items() if value is not None}
        return {**dict(self.constant), **stated}

    @cached_property
    def inputs(self) -> dict[str, str]:
        """Keys of the cells that it reads, by role."""
        found: dict[str, str] = {}
        for name, role in _fields(type(self)):
            value = getattr(self, name)
            if role is None or value is None:
                continue
            if role.separator:
                found |= {f"{role.name}{role.separator}{more}": key for more, key in value.items()}
            else:
                found[role.name] = value
        return found

    @cached_property
    def key(self) -> str:
        """Digest of family, options and inputs."""
        return digest({"kind": self.family, "options": self.hashed, "inputs": self.inputs})

    @classmethod
    def of(cls, manifest: Mapping[str, Any], where: object) -> Self:
        """Parse the manifest of a finished cell.

        Args:
            manifest: The manifest, with `kind`, `options` and `inputs`.
            where: The name of the cell in error messages.

        Raises:
            StoreError: If it has another kind, or other options or roles.
        """
        options, constant = dict(manifest["options"]), dict(cls.constant)
        if manifest["kind"] != cls.family or not constant.items() <= options.items():
            raise StoreError(f"{where} is damaged: it is of no cell of kind '{cls.kind}'")
        content: dict[str, Any] = {}
        inputs = dict(manifest["inputs"])
        for name, role in _fields(cls):
            if role is None:
                content |= {name: options[name]} if name in options else {}
                continue
            start = f"{role.name}{role.separator}"
            if role.separator:
                roles = [found for found in sorted(inputs) if found.startswith(start)]
                content[name] = {found.removeprefix(start): inputs.pop(found) for found in roles}
            elif role.name in inputs:
                content[name] = inputs.pop(role.name)
        if inputs:
            raise StoreError(f"{where} is damaged: no input of it is called {min(inputs)!a}")
        return typed(canonical(content), cls, where)


@cache
def _fields(spec: type[Spec]) -> tuple[tuple[str, Role | None], ...]:
    """Return the hashed fields of a kind, the inputs with their roles."""
    found = []
    hints = get_type_hints(spec, include_extras=True)
    for field in fields(spec):  # type: ignore[arg-type]  # each kind is a dataclass
        marks = getattr(hints[field.name], "__metadata__", ())
        role = next((mark for mark in marks if isinstance(mark, Role)), None)
        if role is not None:
            role = Role(role.separator, role.name or field.name)
        if NotHashed not in marks:
            found.append((field.name, role))
    return tuple(found)
