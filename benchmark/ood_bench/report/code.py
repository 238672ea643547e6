"""The source code that a figure comes from, as a digest; nothing is imported to read it."""

import ast
import inspect
from importlib.util import find_spec, resolve_name
from pathlib import Path

from ood_bench.hashing import digest


def code_digest(plugin: type) -> str | None:
    """Return a digest of a class's module and of the modules that it imports from its package.

    Docstrings, libraries and other packages are left out: a new version of matplotlib does not
    make a drawn figure stale. None if there is no source to read.
    """
    module = inspect.getmodule(plugin)
    path = getattr(module, "__file__", None)
    if module is None or path is None or not Path(path).is_file():
        return None
    package = module.__package__
    found: dict[str, str] = {}
    left = [Path(path)]
    while left:
        file = left.pop()
        if file.name not in found:
            text = file.read_text(encoding="utf-8")
            tree = ast.parse(text)
            found[file.name] = _without_docstrings(text, tree)
            left += _imported(tree, package, file.parent) if package else []
    return digest(found)


def source_digest(*modules: str) -> str | None:
    """Return a digest of modules without their docstrings; None if there is no source."""
    texts = []
    for module in modules:
        spec = find_spec(module)
        if spec is None or spec.origin is None or not Path(spec.origin).is_file():
            return None
        text = Path(spec.origin).read_text(encoding="utf-8")
        texts.append(_without_docstrings(text, ast.parse(text)))
    return digest(texts)


def together(*digests: str | None) -> str | None:
    """Return one digest of several; None if one of them is unknown."""
    return digest(list(digests)) if all(digests) else None


def _without_docstrings(text: str, tree: ast.Module) -> str:
    """Return the lines of a module without empty ones and docstrings."""
    lines = text.splitlines()
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            said = node.body[0] if node.body else None
            if isinstance(said, ast.Expr) and isinstance(said.value, ast.Constant):
                end = said.end_lineno or said.lineno
                lines[said.lineno - 1 : end] = [""] * (end - said.lineno + 1)
    return "\n".join(line for line in lines if line.strip())


def _imported(tree: ast.Module, package: str, folder: Path) -> list[Path]:
    """Return the files of a package's own folder that a module of it imports anywhere."""
    names: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = "." * node.level + (node.module or "")
            base = resolve_name(base, package) if node.level else base
            names += [base, *(f"{base}.{alias.name}" for alias in node.names)]
    inner = {name.removeprefix(f"{package}.") for name in names if name.startswith(f"{package}.")}
    stems = {name.partition(".")[0] for name in inner} | {"__init__"}
    return [path for stem in sorted(stems) if (path := folder / f"{stem}.py").is_file()]
