"""Finished cells, read-only: a cell is complete or absent, and every file has a checksum."""

import hashlib
import json
import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Protocol, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, StringConstraints

from ood_bench.cells.analysis import TABLE
from ood_bench.cells.detect import SCORES
from ood_bench.cells.environment import ENVIRONMENT, Environment
from ood_bench.cells.kinds import required
from ood_bench.cells.score import COLUMNS
from ood_bench.cells.spec import Spec
from ood_bench.errors import StoreError
from ood_bench.hashing import digest
from ood_bench.packed import StoredFile
from ood_bench.typed import FileName, Key, Sha256, typed

if TYPE_CHECKING:
    import pandas as pd

S = TypeVar("S", bound=Spec)
T = TypeVar("T")

log = logging.getLogger(__name__)

MANIFEST = "manifest.json"
SEAL = "manifest.sha256"

ENTRIES = 1 << 28
"""Entries of the largest table that is read; a larger one counts as damaged."""


class Manifest(BaseModel):
    """Content of `manifest.json`; the cell's key is the digest of the first three fields.

    Attributes:
        kind: The family of the cell's kind.
        options: Everything that the result depends on beside its inputs, as in `Spec.hashed`.
        inputs: Keys of the cells that it read, by role.
        name: The name of the cell.
        files: Checksums of all its other files.
    """

    model_config = ConfigDict(extra="allow")

    kind: Annotated[str, StringConstraints(pattern=r"^[a-z_]+$", max_length=60)]
    options: dict[str, Any]
    inputs: dict[str, Key]
    name: Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f-\x9f]*$", max_length=500)]
    files: dict[FileName, Sha256]

    @property
    def key(self) -> str:
        """The key of the cell."""
        return digest({"kind": self.kind, "options": self.options, "inputs": self.inputs})


class OpenCell(Protocol):
    """The files of a cell while it is open; any of them may be damaged."""

    @property
    def names(self) -> Collection[str]:
        """The names of all files."""
        ...

    def content(self, name: str) -> bytes:
        """Return the content of a file."""
        ...

    def sha256(self, name: str) -> str:
        """Return the SHA-256 of the content of a file, in hexadecimal."""
        ...


class Cells(ABC):
    """Finished cells by key, in a store or in an archive.

    A cell consists of its files, `manifest.json` with their checksums, options and inputs, and
    `manifest.sha256` with the manifest's own checksum. It has all files that its kind requires,
    except those that an archive may leave out.
    """

    left_out: frozenset[str] = frozenset()
    """Files that a cell may lack here although its kind requires them."""

    def __init__(self) -> None:
        self._sound: dict[str, dict[str, Any]] = {}
        self._damaged: set[str] = set()

    @abstractmethod
    def path(self, key: str) -> Path:
        """Return the path of a finished cell, whether or not it exists."""

    @abstractmethod
    def _open(self, key: str) -> AbstractContextManager[OpenCell | None]:
        """Open a cell; None if there is no such cell.

        Raises:
            OodBenchError: If it cannot be read, now or while it is open.
        """

    def has(self, key: str) -> bool:
        """Return whether a cell is finished and all its checksums match.

        A damaged file is named in a warning, and its cell counts as absent.
        """
        if key in self._sound:
            return True
        if key in self._damaged:
            return False
        try:
            found = self._verified(key)
        except StoreError as error:
            log.warning("%s; the cell will be computed again", error)
            self._damaged.add(key)
            return False
        if found is None:
            return False
        self._sound[key] = found
        return True

    def _verified(self, key: str) -> dict[str, Any] | None:
        """Return a cell's manifest, after checking every file; None if there is no such cell."""
        with self._open(key) as cell:
            return None if cell is None else self._checked(key, cell)

    def _checked(self, key: str, cell: OpenCell) -> dict[str, Any]:
        """Return the manifest of an open cell, after checking every file against it."""
        place = _Place(self, key)
        if not {MANIFEST, SEAL} <= {*cell.names}:
            raise StoreError(f"{place}/{SEAL} is damaged or missing")
        text = cell.content(MANIFEST)
        if cell.content(SEAL) != seal(text):
            raise StoreError(f"{place}/{MANIFEST} is not what was written")
        manifest = typed(text, Manifest, _Place(self, key, MANIFEST))
        if manifest.key != key:
            raise StoreError(f"{place}/{MANIFEST} is that of another cell")
        try:
            lacking = required(manifest.kind) - {*manifest.files} - self.left_out
        except LookupError as error:
            raise StoreError(f"{place}/{MANIFEST}: no kind {manifest.kind!a} is known") from error
        if lacking:
            raise StoreError(f"{place}/{min(lacking)} was never written")
        for name, checksum in manifest.files.items():
            if name not in cell.names or cell.sha256(name) != checksum:
                raise StoreError(f"{place}/{name} is not what was written")
        return manifest.model_dump()

    def manifest(self, key: str) -> Mapping[str, Any]:
        """Return the manifest of a finished cell: name, options, inputs and checksums of files.

        Raises:
            StoreError: If the cell is not finished or is damaged.
        """
        if key not in self._sound:
            found = self._verified(key)
            if found is None:
                raise StoreError(f"{self.path(key)}: no finished cell")
            self._sound[key] = found
        return self._sound[key]

    def keeps(self, key: str, name: str) -> bool:
        """Return whether a finished cell has a file that archives may leave out."""
        return name in self.manifest(key)["files"]

    def inputs(self, key: str) -> Mapping[str, str]:
        """Return the keys of the cells that a finished cell read, by role."""
        found: Mapping[str, str] = self.manifest(key)["inputs"]
        return found

    def seconds(self, key: str) -> float:
        """Return the seconds that computing a finished cell took."""
        return float(self.environment(key).seconds)

    def environment(self, key: str) -> Environment:
        """Return the environment of a finished cell."""
        return self.read_typed(key, ENVIRONMENT, Environment)

    def spec(self, key: str, kind: type[S]) -> S:
        """Return the typed specification of a finished cell.

        Args:
            key: The cell.
            kind: The kind that it must have.

        Raises:
            StoreError: If the cell is not finished, is damaged, or has another kind.
        """
        return kind.of(self.manifest(key), _Place(self, key, MANIFEST, named=True))

    def read(self, key: str, name: str) -> bytes:
        """Return the content of a file of a finished cell.

        Raises:
            StoreError: If the cell is not finished, is damaged, or has no such file.
        """
        if name not in (MANIFEST, SEAL) and not self.keeps(key, name):
            raise StoreError(f"{self.path(key) / name}: the cell has no such file")
        return self._content(key, name)

    def _content(self, key: str, name: str) -> bytes:
        """Return the content of a file of a cell, without checks."""
        with self._open(key) as cell:
            if cell is None or name not in cell.names:
                raise StoreError(f"{self.path(key) / name} cannot be read")
            return cell.content(name)

    def read_files(self, key: str, *, without: Collection[str] = ()) -> dict[str, bytes]:
        """Return all files of a finished cell but some, which its manifest then omits too.

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

    def read_typed(self, key: str, name: str, kind: type[T], **more: object) -> T:
        """Return the content of a JSON file of a finished cell.

        Args:
            key: The cell.
            name: The file.
            kind: The type that its content is parsed into.
            **more: Further fields, added to those of the file.

        Raises:
            StoreError: If the content does not have that type; the message names the cell.
        """
        where = _Place(self, key, name, named=True)
        return typed(self.read(key, name), kind, where, more=more)

    def read_columns(self, key: str, name: str = COLUMNS) -> dict[str, NDArray[Any]]:
        """Return the columns of a Parquet file of a finished cell as numpy arrays.

        Raises:
            StoreError: If a value is not a finite number; the message names the cell.
        """
        table = self.read_table(key, name)
        found = dict[str, NDArray[Any]]()
        for column in table.column_names:
            values = table[column].to_numpy()
            if values.dtype.kind not in "fiu" or not np.isfinite(values).all():
                what = f"column {column!a} is not one finite number an image"
                raise StoreError(f"{self.location(key, name)} is damaged: {what}")
            found[column] = values
        return found

    def read_scores(self, key: str) -> NDArray[Any]:
        """Return the scores of a finished detector cell; larger means more OOD."""
        found = self.read_columns(key, SCORES)
        if "score" not in found:
            raise StoreError(f"{self.location(key, SCORES)} is damaged: it has no column 'score'")
        return found["score"]

    def count_rows(self, key: str, name: str = COLUMNS) -> int:
        """Return the number of rows of a Parquet file of a finished cell; reads no column."""
        rows: int = self._metadata(key, name, self.read(key, name)).num_rows
        return rows

    def read_table(self, key: str, name: str = TABLE) -> pa.Table:
        """Return the table in a Parquet file of a finished cell."""
        content = self.read(key, name)
        self._metadata(key, name, content)
        try:
            return pq.ParquetFile(pa.BufferReader(content)).read()  # `read_table` loads pandas
        except (pa.ArrowException, OSError, ValueError, TypeError) as error:
            raise self._no_table(key, name, error) from error

    def read_frame(self, key: str, name: str = TABLE) -> "pd.DataFrame":
        """Return a Parquet file of a finished cell as a data frame."""
        return self.framed(key, name)()

    def framed(self, key: str, name: str = TABLE) -> "Callable[[], pd.DataFrame]":
        """Read a Parquet file of a finished cell, and return what makes a data frame of it."""
        table = self.read_table(key, name)
        if len({*table.column_names}) < table.num_columns:
            raise self._no_table(key, name, ValueError("two columns have the same name"))

        def frame() -> "pd.DataFrame":
            try:
                found: pd.DataFrame = table.to_pandas(ignore_metadata=True)
            except (pa.ArrowException, LookupError, ValueError, TypeError) as error:
                raise self._no_table(key, name, error) from error
            return found

        return frame

    def _metadata(self, key: str, name: str, content: bytes) -> pq.FileMetaData:
        try:
            found = pq.read_metadata(pa.BufferReader(content))
        except (pa.ArrowException, OSError, ValueError, TypeError) as error:
            raise self._no_table(key, name, error) from error
        if found.num_rows * found.num_columns > ENTRIES:
            raise StoreError(
                f"{self.location(key, name)} is damaged: {found.num_rows:,} rows of "
                f"{found.num_columns:,} columns, more than {ENTRIES:,} entries"
            )
        return found

    def _no_table(self, key: str, name: str, error: Exception) -> StoreError:
        reason = " ".join(str(error).split())[:200]
        return StoreError(f"{self.location(key, name)} is damaged: {reason}")

    def location(self, key: str, name: str) -> str:
        """Return a file's path and its cell's name, for messages; the cell must be sound."""
        return str(_Place(self, key, name, named=True))


@dataclass(frozen=True)
class _Place:
    """A cell or one of its files in messages, put into words only if there is one.

    Attributes:
        cells: Where the cell lies.
        key: The cell.
        file: The file; empty for the cell.
        named: Whether the name of the cell, which must be sound, is added.
    """

    cells: Cells
    key: str
    file: str = ""
    named: bool = False

    def __str__(self) -> str:
        """Return the path."""
        path = str(self.cells.path(self.key) / self.file)
        return f"{path} ({self.cells.manifest(self.key)['name']})" if self.named else path


class CellFiles(Cells):
    """Finished cells of a store, with folders for the checkpoints of unfinished trainings."""

    @abstractmethod
    def file(self, key: str, name: str) -> StoredFile:
        """Return one file of a finished cell, which is opened when needed."""

    @property
    @abstractmethod
    def logs(self) -> Path:
        """The folder for what the loggers of trainings write, which stays."""

    @abstractmethod
    def training(self, key: str) -> Path:
        """Return the folder for the checkpoints of a training."""


def seal(manifest: bytes) -> bytes:
    """Return the content of `manifest.sha256` for a manifest."""
    return f"{hashlib.sha256(manifest).hexdigest()}\n".encode("ascii")
