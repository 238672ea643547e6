"""Finished cells on disk, written whole or not at all; nothing is unpickled."""

import fcntl
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

from ood_bench.cells import MANIFEST, SEAL, Cells, seal
from ood_bench.errors import StoreError
from ood_bench.hashing import file_sha256
from ood_bench.plan import Cell

log = logging.getLogger(__name__)


class Store(Cells):
    """A folder of finished cells, shared by all suites and by runs at the same time.

    `cells/<key>/` holds a finished cell. A cell is written under `partial/<key>/` by the one
    process that holds its lock, and renamed when it is whole; training checkpoints live there
    too, and outlast a kill.
    """

    def __init__(self, root: Path) -> None:
        super().__init__()
        self.root = root

    def path(self, key: str) -> Path:
        """Return where the finished cell lies or would lie."""
        return self.root / "cells" / key

    def partial(self, key: str) -> Path:
        """Return the folder for unfinished work on a cell, for the holder of its lock."""
        return self.root / "partial" / key

    def _names(self, key: str) -> Collection[str]:
        try:
            return os.listdir(self.path(key))  # noqa: PTH208 - names alone, and fast
        except OSError:
            return ()

    def _content(self, key: str, name: str) -> bytes:
        try:
            return (self.path(key) / name).read_bytes()
        except OSError as error:
            raise StoreError(f"{self.path(key) / name} cannot be read") from error

    def _sha256(self, key: str, name: str) -> str:
        try:
            return file_sha256(self.path(key) / name)
        except OSError as error:
            raise StoreError(f"{self.path(key) / name} cannot be read") from error

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
        text = json.dumps(manifest, indent=1, sort_keys=True).encode()
        (new / MANIFEST).write_bytes(text)
        (new / SEAL).write_bytes(seal(text))
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

    def file(self, key: str, name: str) -> Path:
        """Return the path of one file of a finished cell.

        Raises:
            StoreError: If the cell is not finished, is damaged, or has no such file.
        """
        path = self.path(key) / name
        if name not in (MANIFEST, SEAL, *self.manifest(key)["files"]):
            raise StoreError(f"{path}: the cell has no such file")
        return path


def write_columns(path: Path, columns: Mapping[str, NDArray[np.float64]]) -> None:
    """Write columns of equal length as Parquet."""
    write_table(path, pa.table(dict(columns)))


def write_table(path: Path, table: pa.Table) -> None:
    """Write a table as Parquet, in the encoding that is smallest for measured numbers.

    The bytes of floats are split by significance: the last digits of a value are random, its
    exponent is not, and what was computed in float32 ends in zeros. The log-likelihoods of a run
    then take 0.65 of the space that they take with dictionaries.
    """
    floats = [field.name for field in table.schema if pa.types.is_floating(field.type)]
    others = [name for name in table.schema.names if name not in floats]
    encodings: dict[str, Any] = {"use_dictionary": others, "use_byte_stream_split": floats}
    pq.write_table(table, path, compression="zstd", **encodings)


def _fsync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
