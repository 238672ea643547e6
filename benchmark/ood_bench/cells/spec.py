"""What a cell is of: a frozen type whose canonical JSON is hashed, with its inputs by role."""

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
    """Marks a field that holds inputs: the key of one cell, or keys by what follows a separator.

    Attributes:
        separator: Stands between the role and what follows it; empty for one cell.
        name: The role; the field's name unless given.
    """

    separator: str = ""
    name: str = ""


class Beside:
    """Marks a field that a worker needs and no result depends on: how to find what is named."""


Input = Annotated[Key, Role()]
"""The key of a cell that is read, the field's name its role."""

Inputs = Annotated[Mapping[str, Key], Role(".")]
"""Keys of cells that are read, whose roles are the field's name, a dot and the mapping's keys."""


class Spec(ABC):
    """One kind of work: a frozen dataclass of all that its result depends on, and how it is done.

    A field is an option, hashed unless it is None; or an input, marked by a `Role` and hashed as
    such; or marked as `Beside` and not hashed.

    Attributes:
        kind: What it is called in records.
        family: What it is called in keys and manifests, as others that differ in `constant`.
        constant: Options that are the same for all cells of the kind, hashed with the others.
        files: Names of the files that its work must leave; without them it is not finished.
        reported: Whether its result is read by reports, not by other cells alone.
    """

    kind: ClassVar[str]
    family: ClassVar[str]
    constant: ClassVar[tuple[tuple[str, str], ...]] = ()
    files: ClassVar[frozenset[str]]
    reported: ClassVar[bool] = True

    @abstractmethod
    def work(self, task: "Task") -> None:
        """Do the work and leave its files in the task's folder."""

    @cached_property
    def hashed(self) -> dict[str, Any]:
        """All that its result depends on beside its inputs, as JSON."""
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
        """The digest of family, options and inputs."""
        return digest({"kind": self.family, "options": self.hashed, "inputs": self.inputs})

    @classmethod
    def of(cls, manifest: Mapping[str, Any], where: str) -> Self:
        """Return what the manifest of a finished cell says that it is of.

        Args:
            manifest: The manifest, with `kind`, `options` and `inputs`.
            where: What to call it in a message.

        Raises:
            StoreError: If it is of another kind, or has other options or roles.
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
        if Beside not in marks:
            found.append((field.name, role))
    return tuple(found)
