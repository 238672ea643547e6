"""Finished cells on disk: whole or not there, each file under a checksum, nothing unpickled."""

import fcntl
import hashlib
import json
import logging
import os
import shutil
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from ood_bench.errors import StoreError
from ood_bench.hashing import file_sha256
from ood_bench.plan import Cell

log = logging.getLogger(__name__)

MANIFEST = "manifest.json"
SEAL = "manifest.sha256"


class Store:
    """A folder of finished cells, shared by all suites and by runs at the same time.

    `cells/<key>/` holds a finished cell: its files, `manifest.json` with their checksums and
    the circumstances of the run, and `manifest.sha256`, the manifest's own. A cell is written
    under `partial/<key>/` by the one process that holds its lock, and renamed when it is
    whole; training checkpoints live there too, and outlast a kill.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._sound: dict[str, dict[str, Any]] = {}
        self._damaged: set[str] = set()

    def path(self, key: str) -> Path:
        """Return where the finished cell lies or would lie."""
        return self.root / "cells" / key

    def partial(self, key: str) -> Path:
        """Return the folder for unfinished work on a cell, for the holder of its lock."""
        return self.root / "partial" / key

    def has(self, key: str) -> bool:
        """Tell whether a cell is finished and every byte of it is as written.

        A damaged file is named in a warning; the cell then counts as not there.
        """
        if key in self._sound:
            return True
        if key in self._damaged or not self.path(key).exists():
            return False
        try:
            self._sound[key] = self._verified(key)
        except StoreError as error:
            log.warning("%s; the cell will be computed again", error)
            self._damaged.add(key)
            return False
        return True

    def _verified(self, key: str) -> dict[str, Any]:
        """Return a cell's manifest once every file is as it says."""
        folder = self.path(key)
        try:
            seal = (folder / SEAL).read_text(encoding="ascii")
            text = (folder / MANIFEST).read_bytes()
        except (OSError, ValueError) as error:
            raise StoreError(f"{folder / SEAL} is damaged or missing") from error
        if seal != _seal(folder / MANIFEST):
            raise StoreError(f"{folder / MANIFEST} is not what was written")
        manifest: dict[str, Any] = json.loads(text)
        for name, checksum in manifest["files"].items():
            path = folder / name
            if not path.is_file() or file_sha256(path) != checksum:
                raise StoreError(f"{path} is not what was written")
        return manifest

    def remove(self, key: str, *, unfinished: bool = False) -> None:
        """Remove a finished cell, for the holder of its lock.

        Args:
            key: The cell.
            unfinished: Whether unfinished work on it, training checkpoints say, goes too.
        """
        self._sound.pop(key, None)
        partial = self.partial(key)
        partial.mkdir(parents=True, exist_ok=True)
        removed = partial / "removed"
        shutil.rmtree(removed, ignore_errors=True)
        if self.path(key).exists():
            self.path(key).rename(removed)
        shutil.rmtree(partial if unfinished else removed, ignore_errors=True)

    @contextmanager
    def lock(self, key: str) -> Iterator[None]:
        """Hold a cell for this process; waits while another run works on it.

        The lock ends with the process, however that ends.
        """
        path = self.root / "locks" / key
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                log.warning("waiting for another run that works on cell %s", key)
                fcntl.flock(file, fcntl.LOCK_EX)
            yield

    @contextmanager
    def write(self, cell: Cell) -> Iterator[Path]:
        """Give an empty folder for a cell's files; on a clean exit they are a finished cell.

        The caller holds the cell's lock. A finished cell of that key, a damaged one say, is
        replaced.
        """
        new = self.partial(cell.key) / "new"
        if new.exists():
            shutil.rmtree(new)
        new.mkdir(parents=True)
        yield new
        files = sorted(path for path in new.iterdir() if path.is_file())
        manifest = {
            "kind": cell.kind,
            "name": cell.name,
            "options": dict(cell.options),
            "inputs": dict(cell.inputs),
            "files": {path.name: file_sha256(path) for path in files},
        }
        (new / MANIFEST).write_text(json.dumps(manifest, indent=1, sort_keys=True))
        (new / SEAL).write_text(_seal(new / MANIFEST), encoding="ascii")
        for path in new.iterdir():
            _fsync(path)
        _fsync(new)
        self.remove(cell.key)
        final = self.path(cell.key)
        final.parent.mkdir(parents=True, exist_ok=True)
        new.rename(final)
        _fsync(final.parent)
        shutil.rmtree(self.partial(cell.key))
        self._damaged.discard(cell.key)
        self._sound[cell.key] = manifest

    def manifest(self, key: str) -> Mapping[str, Any]:
        """Return what a finished cell is of: its name, options, inputs, and files' checksums.

        Raises:
            StoreError: If the cell is not finished or is damaged.
        """
        if not self.has(key):
            raise StoreError(f"{self.path(key)}: no finished cell")
        return self._sound[key]

    def file(self, key: str, name: str) -> Path:
        """Return the path of one file of a finished cell.

        Raises:
            StoreError: If the cell is not finished, is damaged, or has no such file.
        """
        path = self.path(key) / name
        if name not in (MANIFEST, SEAL, *self.manifest(key)["files"]):
            raise StoreError(f"{path}: the cell has no such file")
        return path

    def read_files(self, key: str, *, without: Collection[str] = ()) -> dict[str, bytes]:
        """Return all files of a finished cell, its manifest and seal as if some had never been.

        Args:
            key: The cell.
            without: Names of files to leave out.
        """
        files = {
            name: checksum
            for name, checksum in self.manifest(key)["files"].items()
            if name not in without
        }
        manifest = {**self.manifest(key), "files": files}
        found = {name: self.file(key, name).read_bytes() for name in files}
        found[MANIFEST] = json.dumps(manifest, indent=1, sort_keys=True).encode()
        found[SEAL] = f"{hashlib.sha256(found[MANIFEST]).hexdigest()}\n".encode("ascii")
        return found

    def read_json(self, key: str, name: str) -> Any:
        """Return the content of a JSON file of a finished cell."""
        return json.loads(self.file(key, name).read_text(encoding="utf-8"))

    def read_columns(self, key: str, name: str = "columns.parquet") -> dict[str, NDArray[Any]]:
        """Return the columns of a Parquet file of a finished cell as numpy arrays."""
        table = pq.read_table(self.file(key, name), memory_map=False)
        return {column: table[column].to_numpy() for column in table.column_names}

    def count_rows(self, key: str, name: str = "columns.parquet") -> int:
        """Return the number of rows of a Parquet file of a finished cell; reads no column."""
        rows: int = pq.read_metadata(self.file(key, name)).num_rows
        return rows

    def read_table(self, key: str, name: str = "table.parquet") -> pa.Table:
        """Return a Parquet file of a finished cell."""
        return pq.read_table(self.file(key, name), memory_map=False)


def write_columns(path: Path, columns: Mapping[str, NDArray[np.float64]]) -> None:
    """Write columns of equal length as Parquet."""
    pq.write_table(pa.table(dict(columns)), path, compression="zstd")


def _seal(manifest: Path) -> str:
    return f"{file_sha256(manifest)}\n"


def _fsync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
