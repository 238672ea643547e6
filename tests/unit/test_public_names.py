"""The public names of the packages: what `__all__` lists, and nothing besides."""

import ast
import importlib
import re
from pathlib import Path

import pytest

import ood_bench

ROOT = Path(ood_bench.__file__).parent
PACKAGES = sorted(
    ".".join(("ood_bench", *path.parent.relative_to(ROOT).parts))
    for path in ROOT.rglob("__init__.py")
)
MODULES = sorted(f"ood_bench.{path.stem}" for path in ROOT.glob("[a-z]*.py"))
REFERENCE = Path(__file__).parents[2] / "docs/reference"


@pytest.mark.parametrize("name", [*PACKAGES, *MODULES])
def test_a_package_or_module_at_the_top_lists_its_public_names(name: str) -> None:
    module = importlib.import_module(name)
    listed = module.__all__
    assert len(set(listed)) == len(listed)
    assert [one for one in listed if not hasattr(module, one)] == []
    assert module.__file__ is not None
    body = ast.parse(Path(module.__file__).read_text(encoding="utf-8")).body
    defined = {
        node.name
        for node in body
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and not node.name.startswith("_")
    }
    assert defined <= set(listed), "list it in `__all__`, or begin its name with an underscore"


def test_the_reference_documents_public_names_alone() -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in REFERENCE.glob("*.md"))
    for name in re.findall(r"^::: (ood_bench[\w.]*)$", text, re.MULTILINE):
        where, _, last = name.rpartition(".")
        if name not in MODULES and name not in PACKAGES:
            assert last in importlib.import_module(where).__all__, name
