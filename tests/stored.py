"""The files of stored cells, for tests that look into them."""

import json
import zipfile
from pathlib import Path

from ood_bench.cells import MANIFEST


def members(results: Path, name: str = MANIFEST) -> dict[str, zipfile.Path]:
    """Return a file of every cell of a store that has it, by key."""
    paths = sorted(results.glob("store/cells/*.zip"))
    found = {path.stem: zipfile.Path(path, name) for path in paths}
    return {key: member for key, member in found.items() if member.exists()}


def key_of(results: Path, name: str) -> str:
    """Return the key of a cell, by its name."""
    for key, path in members(results).items():
        if json.loads(path.read_text())["name"] == name:
            return key
    raise LookupError(name)


def unpack(cell: Path) -> Path:
    """Replace the file of a cell by a folder, as earlier versions wrote it."""
    folder = cell.with_suffix("")
    with zipfile.ZipFile(cell) as file:
        file.extractall(folder)
    cell.unlink()
    return folder
