"""Python files that a suite names: imported, and hashed, with the files beside them.

In such a file, `import helper` and `from helper import x` find `helper.py`, and packages, in its
own folder, as in a script. Two folders' helpers of one name are two modules: each file and what it
imports lie in a package of their own, which is named after their content.
"""

import ast
import importlib
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import spec_from_loader
from pathlib import Path
from types import CodeType, ModuleType
from typing import Annotated, Any, TypeAlias

from ood_bench.errors import raised
from ood_bench.hashing import bytes_sha256, digest

__all__ = [
    "CodePath",
    "NamesCode",
    "SourceFile",
    "imported_callable",
    "imported_object",
    "read_source",
]


class NamesCode:
    """Mark of an option that names code."""


CodePath: TypeAlias = Annotated[str, NamesCode]
"""Type of an option of a plugin that names code: `package.module:name`, or `./file.py:name`,
relative to the suite. The content of the file belongs to the revision of the plugin."""

_PACKAGE = "ood_bench_file_"
_ELSEWHERE = sys.stdlib_module_names | {"ood_bench", "ood_bench_models"}
"""Modules that a file beside it never stands in for."""


@dataclass(frozen=True)
class _Source:
    """A file that was read, and the name of its module in the folder."""

    name: str
    path: Path
    content: bytes

    @property
    def is_package(self) -> bool:
        return self.path.name == "__init__.py" and self.name != "__init__"

    @property
    def depth(self) -> int:
        """Number of packages that the module's relative imports are seen from."""
        return self.name.count(".") + self.is_package

    def tree(self) -> ast.Module:
        return ast.parse(self.content, str(self.path))


@dataclass(frozen=True)
class SourceFile:
    """A Python file with all files of its folder that it imports, and that these import.

    Attributes:
        path: The file.
        sources: The files by the name of their module in the folder.
    """

    path: Path
    sources: Mapping[str, _Source]

    @cached_property
    def sha256(self) -> str:
        """Digest of the content: the SHA-256 of the file, or a digest of all files by name."""
        own = {name: bytes_sha256(source.content) for name, source in self.sources.items()}
        return digest(own) if len(own) > 1 else own[_stem(self.path)]

    @property
    def files(self) -> dict[str, Path]:
        """All files, by their path relative to the folder of the file."""
        folder = self.path.parent
        paths = [source.path for source in self.sources.values()]
        return {path.relative_to(folder).as_posix(): path for path in paths}

    def load(self) -> ModuleType:
        """Import the file; the same content in the same folder is imported once.

        Raises:
            Exception: Whatever the code raises.
        """
        place = digest([str(self.path.parent.resolve()), self.path.name, self.sha256])
        package = f"{_PACKAGE}{place[:12]}"
        if package not in sys.modules:
            sys.meta_path.insert(0, _Finder(package, self.sources))
        return importlib.import_module(f"{package}.{_stem(self.path)}")


def read_source(path: Path) -> SourceFile:
    """Read a Python file and the files of its folder that it imports anywhere; none is run.

    Raises:
        OSError: If a file cannot be read.
        SyntaxError: If one is no Python.
    """
    own = _Source(_stem(path), path, path.read_bytes())
    found = {own.name: own}
    left = [own]
    while left:
        source = left.pop()
        for name in _imported(source):
            for parent in _with_parents(name):
                file = _file_of(path.parent, parent)
                if file is not None and parent not in found:
                    found[parent] = _Source(parent, file, file.read_bytes())
                    left.append(found[parent])
    return SourceFile(path, dict(sorted(found.items())))


def imported_object(path: CodePath) -> Any:
    """Import what `package.module:name` or `file.py:name` names.

    Raises:
        Exception: Whatever the code raises.
    """
    where, _, name = path.rpartition(":")
    if where.endswith(".py"):
        return getattr(read_source(Path(where)).load(), name)
    return getattr(importlib.import_module(where), name)


def imported_callable(option: str, path: CodePath) -> Callable[..., Any]:
    """Import the callable that an option names.

    Args:
        option: Name of the option, for messages.
        path: `package.module:callable` or `file.py:callable`.

    Raises:
        ValueError: If it does not import, or cannot be called.
    """
    where, _, name = path.rpartition(":")
    if not where or not name:
        raise ValueError(f"{option} '{path}': write package.module:callable or ./file.py:callable")
    try:
        found: Callable[..., Any] = imported_object(path)
    except Exception as error:
        said = raised(error) if where.endswith(".py") else f"{type(error).__name__}: {error}"
        raise ValueError(f"{option} '{path}' does not import: {said}") from error
    if not callable(found):
        raise ValueError(f"{option} '{path}' is a {type(found).__name__} and cannot be called")
    return found


def _stem(path: Path) -> str:
    return path.stem.replace(".", "_")


def _with_parents(name: str) -> list[str]:
    """Return a module's packages and itself, outermost first."""
    parts = name.split(".")
    return [".".join(parts[: i + 1]) for i in range(len(parts))]


def _file_of(folder: Path, name: str) -> Path | None:
    """Return the file of a module in a folder; None if there is none."""
    stem = folder.joinpath(*name.split("."))
    files = (stem / "__init__.py", stem.with_name(f"{stem.name}.py"))
    return next((path for path in files if path.is_file()), None)


def _imported(source: _Source) -> Iterator[str]:
    """Yield the modules that a file may mean by its imports, as seen from the folder."""
    for node in ast.walk(source.tree()):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if _beside(source, alias.name))
        elif isinstance(node, ast.ImportFrom):
            base = _absolute(source, node)
            if base is None or (not node.level and not _beside(source, base)):
                continue
            yield from filter(None, [base])
            yield from (f"{base}.{alias.name}".lstrip(".") for alias in node.names)


def _absolute(source: _Source, node: ast.ImportFrom) -> str | None:
    """Return the module of a `from` import as seen from the folder; None if outside of it."""
    module = node.module or ""
    if not node.level:
        return module
    if node.level > source.depth + 1:
        return None
    package = source.name.split(".")[: source.depth + 1 - node.level]
    return ".".join([*package, *filter(None, [module])])


def _beside(source: _Source, name: str) -> bool:
    """Return whether a file may mean one beside it by the absolute name of a module."""
    first = name.partition(".")[0]
    itself = first == source.name and not source.is_package
    return first not in _ELSEWHERE and not itself


class _Relative(ast.NodeTransformer):
    """Turns absolute imports of files in the folder into relative ones."""

    def __init__(self, source: _Source, names: Sequence[str]) -> None:
        self.source = source
        self.names = frozenset(names)
        self.level = source.depth + 1

    def _known(self, name: str, *more: str) -> bool:
        """Return whether a module, or one of some in it, is a file of the folder."""
        within = [*_with_parents(name), *(f"{name}.{one}" for one in more)]
        return _beside(self.source, name) and not self.names.isdisjoint(within)

    def visit_Import(self, node: ast.Import) -> list[ast.stmt]:
        """Import the files of the folder relatively, and all other modules as written."""
        made: list[ast.stmt] = []
        for alias in node.names:
            if not self._known(alias.name):
                made.append(ast.Import([alias]))
                continue
            package, _, last = alias.name.rpartition(".")
            first = alias.name.partition(".")[0]
            bound = ast.alias(last, alias.asname or first)
            made.append(ast.ImportFrom(package or None, [bound], self.level))
            if package and not alias.asname:  # `import a.b` imports a.b, and binds a
                made.append(ast.ImportFrom(None, [ast.alias(first)], self.level))
        return [ast.fix_missing_locations(ast.copy_location(item, node)) for item in made]

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.stmt:
        """Import relatively from the files of the folder."""
        if node.level or not self._known(node.module or "", *(a.name for a in node.names)):
            return node
        return ast.copy_location(ast.ImportFrom(node.module, node.names, self.level), node)


class _Loader(SourceFileLoader):
    """Loads a file that was read before, ignoring bytecode cached by modification time."""

    def __init__(self, fullname: str, source: _Source, names: Sequence[str]) -> None:
        super().__init__(fullname, str(source.path))
        self.source = source
        self.names = names

    def get_code(self, fullname: str) -> CodeType:
        """Compile the content."""
        del fullname
        tree = _Relative(self.source, self.names).visit(self.source.tree())
        code: CodeType = compile(tree, self.path, "exec", dont_inherit=True)
        return code


class _Finder(MetaPathFinder):
    """Finds the modules of a package that holds a file and what it imports, and no other."""

    def __init__(self, package: str, sources: Mapping[str, _Source]) -> None:
        self.package = package
        self.sources = sources
        self.packages = {parent for name in sources for parent in _with_parents(name)[:-1]}

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return the spec of a module of the package.

        Raises:
            ModuleNotFoundError: If there is no such module in it.
        """
        del path, target
        package, _, name = fullname.partition(".")
        if package != self.package:
            return None
        if name in self.sources:
            source = self.sources[name]
            return spec_from_loader(fullname, _Loader(fullname, source, list(self.sources)))
        if not name or name in self.packages:
            return ModuleSpec(fullname, None, is_package=True)
        raise ModuleNotFoundError(f"No module named '{name}'", name=name)
