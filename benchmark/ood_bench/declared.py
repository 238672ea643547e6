"""A model's class as its source declares it: nobody waits for PyTorch to read a description."""

import ast
import builtins
import inspect
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin

from ood_bench.capabilities import CAPABILITIES

__all__ = [
    "Declared",
    "declared",
]

_HARNESS = "ood_bench"
_PLAIN = sys.stdlib_module_names
"""Modules that can be imported in no time."""


class _UnknownError(Exception):
    """The source does not say it in a form that is read here."""


class _PlainError(Exception):
    """A name is the standard library's: `args` are its module and the name there."""


@dataclass(frozen=True)
class Declared:
    """What the source of a class says.

    Attributes:
        module: The module that defines it.
        name: Its name.
        description: Its docstring.
        options: Type and default of each option; `...` for a required one.
        capabilities: The capabilities that it and its bases name.
        log_prob_is: What it says that its `log_prob` is; empty without one.
    """

    module: str
    name: str
    description: str
    options: Mapping[str, tuple[Any, Any]]
    capabilities: frozenset[type]
    log_prob_is: str


def declared(path: str) -> Declared | None:
    """Return what the source of `package.module:Class` says, without importing it.

    None if there is no source, or if it says it in a form that is not read here: a constructor
    that is inherited or decorated, a base of another package, a type that is computed.
    """
    module, _, name = path.partition(":")
    try:
        where, node = _defined(module, name)
        if not isinstance(node, ast.ClassDef) or node.decorator_list or node.keywords:
            return None
        lineage = list(_lineage(where, node))
        named = {base.name for base_module, base in lineage if base_module.startswith(_HARNESS)}
        return Declared(
            where,
            node.name,
            inspect.cleandoc(ast.get_docstring(node) or ""),
            _options(where, node),
            frozenset(item for item in CAPABILITIES if item.__name__ in named),
            next(filter(None, (_stated(*one, "log_prob_is") for one in lineage)), ""),
        )
    except (_UnknownError, _PlainError, OSError, SyntaxError, ValueError, ImportError):
        return None


@cache
def _tree(module: str) -> tuple[ast.Module, bool]:
    """Return the source of a module, and whether it is a package; only its top is looked up."""
    first, *rest = module.split(".")
    spec = find_spec(first)
    if spec is None or not spec.submodule_search_locations:
        raise _UnknownError(module)
    stem = Path(spec.submodule_search_locations[0], *rest)
    package = stem / "__init__.py"
    path = package if package.is_file() else stem.with_suffix(".py")
    return ast.parse(path.read_bytes()), path == package


def _defined(module: str, name: str) -> tuple[str, ast.stmt]:
    """Return the module and the statement that define a name, which modules may hand on."""
    for node in _tree(module)[0].body:
        if isinstance(node, ast.ClassDef) and node.name == name:
            return module, node
        if isinstance(node, ast.AnnAssign | ast.Assign):
            targets = [node.target] if isinstance(node, ast.AnnAssign) else node.targets
            if any(isinstance(target, ast.Name) and target.id == name for target in targets):
                return module, node
        if isinstance(node, ast.ImportFrom) and not node.level and node.module:
            for alias in node.names:
                if (alias.asname or alias.name) == name:
                    first = node.module.partition(".")[0]
                    if first in _PLAIN:
                        raise _PlainError(node.module, alias.name)
                    if first not in (_HARNESS, module.partition(".")[0]):
                        raise _UnknownError(node.module)
                    return _defined(node.module, alias.name)
    raise _UnknownError(f"{module}: {name}")


def _lineage(module: str, node: ast.ClassDef) -> Iterator[tuple[str, ast.ClassDef]]:
    """Yield a class and all its bases, each before its own.

    Raises:
        _UnknownError: If a base outside of the harness cannot be read.
    """
    yield module, node
    for base in node.bases:
        if not isinstance(base, ast.Name):
            raise _UnknownError(ast.dump(base))
        try:
            where, found = _defined(module, base.id)
        except _PlainError:
            continue
        except (_UnknownError, OSError):
            if module.partition(".")[0] == _HARNESS:  # a class of Lightning or PyTorch
                continue
            raise
        if not isinstance(found, ast.ClassDef):
            raise _UnknownError(base.id)
        yield from _lineage(where, found)


def _stated(module: str, node: ast.ClassDef, name: str) -> str:
    """Return the text that a class assigns to a name of its own; empty if it assigns none."""
    for item in node.body:
        targets = item.targets if isinstance(item, ast.Assign) else []
        targets = [item.target] if isinstance(item, ast.AnnAssign) else targets
        for target in targets:
            if isinstance(target, ast.Name) and target.id == name:
                value = getattr(item, "value", None)
                return str(_value(module, value)) if value is not None else ""
    return ""


def _options(module: str, node: ast.ClassDef) -> dict[str, tuple[Any, Any]]:
    """Return type and default of each keyword-only argument of a class's own constructor."""
    made = [
        item for item in node.body if isinstance(item, ast.FunctionDef) and item.name == "__init__"
    ]
    if len(made) != 1 or made[0].decorator_list or made[0].args.kwarg or made[0].args.defaults:
        raise _UnknownError("__init__")
    found = {}
    arguments = made[0].args
    for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        kind = Any if argument.annotation is None else _value(module, argument.annotation)
        if isinstance(kind, str):
            raise _UnknownError(kind)
        kind = get_args(kind)[0] if get_origin(kind) is Annotated else kind
        given = ... if default is None else _value(module, default)
        found[argument.arg] = type(None) if kind is None else kind, given
    return found


class _Names(dict[str, Any]):
    """The names of a module, each evaluated when it is asked for."""

    def __init__(self, module: str) -> None:
        super().__init__()
        self.module = module

    def __missing__(self, name: str) -> Any:
        if hasattr(builtins, name):
            return getattr(builtins, name)
        try:
            where, node = _defined(self.module, name)
        except _PlainError as plain:
            module, own = plain.args
            return getattr(import_module(module), own)
        if where in sys.modules:
            return getattr(sys.modules[where], name)
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            return _value(where, node.value)
        raise _UnknownError(name)


def _value(module: str, node: ast.expr) -> Any:
    """Evaluate a type or a default as the module would."""
    code = compile(ast.Expression(node), module, "eval")
    try:
        return eval(code, {"__builtins__": {}}, _Names(module))
    except (TypeError, AttributeError, LookupError, NameError) as error:
        raise _UnknownError(str(error)) from error
