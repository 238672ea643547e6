"""A plugin under test that needs no images: built afresh for every law."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Generic, Self, TypeVar

from ood_bench.errors import PluginError
from ood_bench.registry import Kind, Registry, construct

Plugin = TypeVar("Plugin")


@dataclass(frozen=True)
class PluginSubject(Generic[Plugin]):
    """A plugin to test, with its options.

    Attributes:
        kind: The plugin's class.
        name: What messages call it.
        options: Options of its constructor.
        plugins: The kind of plugin in the registry.
        parent: The class that it is derived from.
        package: The package to import that class from.
        writes: What a class derived from it must define, in words.
    """

    plugins: ClassVar[Kind]
    parent: ClassVar[type[Any]]
    package: ClassVar[str]
    writes: ClassVar[str]

    kind: type[Plugin]
    name: str
    options: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        plugin: "type[Any] | str",
        options: Mapping[str, Any] | None = None,
        *,
        base: Path | None = None,
    ) -> Self:
        """Return a plugin as the subject of its laws.

        Args:
            plugin: A class, or what a suite's `use` may say.
            options: Options of its constructor.
            base: The folder that files are relative to; default: the working directory.

        Raises:
            PluginError: If it cannot be loaded, is of another kind, or refuses its options.
        """
        name = plugin if isinstance(plugin, str) else plugin.__name__
        loaded = Registry(base).load(cls.plugins, name) if isinstance(plugin, str) else plugin
        parent = cls.parent.__name__
        if not (isinstance(loaded, type) and issubclass(loaded, cls.parent)):
            raise PluginError(
                f"'{name}' is no {parent}; derive it from {cls.package}.{parent} and write "
                f"{cls.writes}"
            )
        subject = cls(loaded, name, dict(options or {}))
        subject.build()
        return subject

    def build(self) -> Plugin:
        """Return a new plugin."""
        built: Plugin = construct(self.kind, self.name, self.options)
        return built
