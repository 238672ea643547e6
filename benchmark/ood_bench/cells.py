"""Finished cells to read from: whole or not there, each file under a checksum."""

import hashlib
import json
import logging
from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from ood_bench.errors import StoreError
from ood_bench.hashing import bytes_sha256

log = logging.getLogger(__name__)

MANIFEST = "manifest.json"
SEAL = "manifest.sha256"

WEIGHTS = "weights.safetensors"
SCORES = "scores.parquet"
COLUMNS = "columns.parquet"
TABLE = "table.parquet"

REQUIRED: Mapping[str, frozenset[str]] = {
    "train": frozenset({WEIGHTS, "training.json", "data.json"}),
    "score": frozenset({COLUMNS}),
    "detect": frozenset({SCORES}),
    "metric": frozenset({"metrics.json"}),
    "analysis": frozenset({TABLE, "findings.json"}),
    "audit": frozenset({"audit.json"}),
}
"""The files that a cell of each kind must have; a cell without one of them is not finished."""


def missing(kind: str, files: Collection[str]) -> list[str]:
    """Return the names of the files that a cell of a kind must have and has not.

    Example:
        >>> missing("analysis", {"table.parquet"})
        ['findings.json']
    """
    return sorted(REQUIRED.get(kind, frozenset()).difference(files))


class Cells(ABC):
    """Finished cells by their keys, in a folder or in an archive.

    A cell is its files, `manifest.json` with their checksums and what the cell is of, and
    `manifest.sha256`, the manifest's own. It has all files that `REQUIRED` names for its kind,
    but for those that may be left out where it lies.
    """

    left_out: frozenset[str] = frozenset()
    """Files that a cell may lack here though its kind must have them."""

    def __init__(self) -> None:
        self._sound: dict[str, dict[str, Any]] = {}
        self._damaged: set[str] = set()

    @abstractmethod
    def path(self, key: str) -> Path:
        """Return where the finished cell lies or would lie."""

    @abstractmethod
    def _names(self, key: str) -> Collection[str]:
        """Return the names of all files that lie there for a cell; none if there is no cell."""

    @abstractmethod
    def _content(self, key: str, name: str) -> bytes:
        """Return what a file of a cell holds.

        Raises:
            StoreError: If it cannot be read.
        """

    def _sha256(self, key: str, name: str) -> str:
        return bytes_sha256(self._content(key, name))

    def has(self, key: str) -> bool:
        """Tell whether a cell is finished and every byte of it is as written.

        A damaged file is named in a warning; the cell then counts as not there.
        """
        if key in self._sound:
            return True
        if key in self._damaged or not self._names(key):
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
        folder, names = self.path(key), self._names(key)
        if not {MANIFEST, SEAL} <= {*names}:
            raise StoreError(f"{folder / SEAL} is damaged or missing")
        text = self._content(key, MANIFEST)
        if self._content(key, SEAL) != seal(text):
            raise StoreError(f"{folder / MANIFEST} is not what was written")
        manifest: dict[str, Any] = json.loads(text)
        lacking = [
            name
            for name in missing(manifest["kind"], manifest["files"])
            if name not in self.left_out
        ]
        if lacking:
            raise StoreError(f"{folder / lacking[0]} was never written")
        for name, checksum in manifest["files"].items():
            if name not in names or self._sha256(key, name) != checksum:
                raise StoreError(f"{folder / name} is not what was written")
        return manifest

    def manifest(self, key: str) -> Mapping[str, Any]:
        """Return what a finished cell is of: its name, options, inputs, and files' checksums.

        Raises:
            StoreError: If the cell is not finished or is damaged.
        """
        if not self.has(key):
            raise StoreError(f"{self.path(key)}: no finished cell")
        return self._sound[key]

    def read(self, key: str, name: str) -> bytes:
        """Return what a file of a finished cell holds.

        Raises:
            StoreError: If the cell is not finished, is damaged, or has no such file.
        """
        if name not in (MANIFEST, SEAL, *self.manifest(key)["files"]):
            raise StoreError(f"{self.path(key) / name}: the cell has no such file")
        return self._content(key, name)

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
        found = {name: self.read(key, name) for name in files}
        manifest = {**self.manifest(key), "files": files}
        found[MANIFEST] = json.dumps(manifest, indent=1, sort_keys=True).encode()
        found[SEAL] = seal(found[MANIFEST])
        return found

    def read_json(self, key: str, name: str) -> Any:
        """Return the content of a JSON file of a finished cell."""
        return json.loads(self.read(key, name))

    def read_columns(self, key: str, name: str = "columns.parquet") -> dict[str, NDArray[Any]]:
        """Return the columns of a Parquet file of a finished cell as numpy arrays."""
        table = self.read_table(key, name)
        return {column: table[column].to_numpy() for column in table.column_names}

    def count_rows(self, key: str, name: str = "columns.parquet") -> int:
        """Return the number of rows of a Parquet file of a finished cell; reads no column."""
        rows: int = pq.read_metadata(pa.BufferReader(self.read(key, name))).num_rows
        return rows

    def read_table(self, key: str, name: str = "table.parquet") -> pa.Table:
        """Return a Parquet file of a finished cell."""
        return pq.read_table(pa.BufferReader(self.read(key, name)))


def seal(manifest: bytes) -> bytes:
    """Return what `manifest.sha256` holds for a manifest."""
    return f"{hashlib.sha256(manifest).hexdigest()}\n".encode("ascii")
