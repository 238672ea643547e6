"""Archives as somebody would forge them: anything changed, every checksum made right again."""

import hashlib
import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ood_bench.cells import MANIFEST, SEAL, seal
from ood_bench.files import read_sealed, write_sealed
from ood_bench.hashing import file_sha256

Edit = Callable[[Any], Any]
"""Takes a JSON value and returns another."""


def forge(
    archive: Path,
    folder: Path,
    *,
    record: Edit = lambda content: content,
    cells: Callable[[dict[str, bytes]], None] = lambda files: None,
) -> Path:
    """Copy an archive with its record and its cells changed, and no checksum wrong.

    Args:
        archive: The archive.
        folder: Where the copy goes.
        record: Changes what `run.json` holds.
        cells: Changes the files of `cells.zip`, by their names in it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(archive / "cells.zip") as file:
        files = {name: file.read(name) for name in file.namelist()}
    before = dict(files)
    cells(files)
    if files == before:
        shutil.copyfile(archive / "cells.zip", folder / "cells.zip")
    else:
        with zipfile.ZipFile(folder / "cells.zip", "w") as file:
            for name, content in files.items():
                file.writestr(name, content)
    content = read_sealed(archive / "run.json")
    content["zipped"] = file_sha256(folder / "cells.zip")
    write_sealed(folder / "run.json", record(content))
    return folder


def replace_file(files: dict[str, bytes], key: str, name: str, content: bytes) -> None:
    """Change a file of a cell, its manifest and seal with it."""
    place = f"cells/{key}"
    files[f"{place}/{name}"] = content
    manifest = json.loads(files[f"{place}/{MANIFEST}"])
    manifest["files"][name] = hashlib.sha256(content).hexdigest()
    replace_manifest(files, key, json.dumps(manifest).encode())


def replace_manifest(files: dict[str, bytes], key: str, text: bytes) -> None:
    """Change a cell's manifest, its seal with it."""
    files[f"cells/{key}/{MANIFEST}"] = text
    files[f"cells/{key}/{SEAL}"] = seal(text)


def keys_of(files: dict[str, bytes]) -> dict[str, str]:
    """Return a key for each name of a cell."""
    return {
        json.loads(content)["name"]: name.split("/")[1]
        for name, content in files.items()
        if name.endswith(MANIFEST)
    }
