"""A plugin package to begin with: it installs, passes its tests and runs in a suite at once."""

import keyword
import re
from importlib.util import find_spec
from pathlib import Path
from string import Template
from typing import Literal

from ood_bench.errors import PluginError
from ood_bench.files import unfinished_folder, write_whole

__all__ = [
    "FILES",
    "TEMPLATES",
    "new_package",
]

TEMPLATES = Path(__file__).parent
FILES = {
    "pyproject.toml": "pyproject.toml",
    "README.md": "README.md",
    "suite.yaml": "suite.yaml",
    "plugin.py": "src/$module/plugin.py",
    "init.py": "src/$module/__init__.py",
    "test_plugin.py": "tests/test_plugin.py",
}
"""Where each template goes."""


def new_package(kind: Literal["model", "detector"], name: str, folder: Path) -> list[Path]:
    """Write a package with one plugin, and return its files.

    Args:
        kind: What it offers.
        name: The plugin's name, in suites and as the entry point.
        folder: Where to; made if it is not there.

    Raises:
        PluginError: If the name can be none, is taken, or the folder is not empty.
    """
    if not re.fullmatch(r"[a-z][a-z0-9]*([-_][a-z0-9]+)*", name):
        raise PluginError(
            f"'{name}' can be no plugin's name; take small letters, digits and '-', as in my-flow"
        )
    module = name.replace("-", "_")
    if keyword.iskeyword(module) or find_spec(module) is not None:
        raise PluginError(f"Python has a '{module}' already; take another name")
    if folder.is_dir() and any(folder.iterdir()):
        raise PluginError(f"{folder}: is there already and not empty; name another folder with -o")
    words = {
        "name": name,
        "module": module,
        "type": "".join(part.capitalize() for part in module.split("_")),
    }
    targets = {name: Template(target).substitute(words) for name, target in FILES.items()}
    with unfinished_folder(folder) as new:
        for template, target in targets.items():
            text = (TEMPLATES / kind / f"{template}.in").read_text(encoding="utf-8")
            write_whole(new / target, Template(text).substitute(words))
    return [folder / target for target in targets.values()]
