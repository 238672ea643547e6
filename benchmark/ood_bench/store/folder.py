"""The store on disk: cells are written atomically, and nothing is unpickled."""

import errno
import json
import logging
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

from ood_bench.cells import MANIFEST, SEAL, Cell, CellFiles, seal
from ood_bench.cells.finished import OpenCell
from ood_bench.errors import StoreError
from ood_bench.files import clear_unfinished
from ood_bench.hashing import file_sha256
from ood_bench.packed import DAMAGE, Packed, StoredFile, pack
from ood_bench.store.lock import Lock

log = logging.getLogger(__name__)

T = TypeVar("T")

_PACKED = ".zip"

_REFUSED = (errno.EACCES, errno.EPERM, errno.EROFS)

TRAINING = "training"
"""Folder of training checkpoints in a cell's unfinished work; the next run resumes from them."""


class Store(CellFiles):
    """A folder of finished cells, shared by all suites and by concurrent runs.

    `cells/<key>.zip` is a finished cell; earlier versions wrote a folder `cells/<key>/` with the
    same files, which is read as well. Each writer has a folder `partial/<key>/<name>/` to itself,
    packs its files once they are complete and gives the packed file its place; of two writers the
    first counts, since their results are equal. Training checkpoints in `partial/<key>/training/`
    survive a kill. `held/<key>` is the lock of a cell.

    Args:
        root: The folder.
    """

    def __init__(self, root: Path) -> None:
        super().__init__()
        self.root = root
        self._cells = root / "cells"

    def path(self, key: str) -> Path:
        """Return the path of a finished cell, whether or not it exists."""
        packed, folder = self._places(key)
        return folder if os.path.lexists(folder) and not os.path.lexists(packed) else packed

    def _places(self, key: str) -> tuple[Path, Path]:
        """Return the paths of a cell in one file and in a folder."""
        return self._cells / f"{key}{_PACKED}", self._cells / key

    def partial(self, key: str) -> Path:
        """Return the folder for unfinished work on a cell."""
        return self.root / "partial" / key

    @property
    def logs(self) -> Path:
        """The folder for what the loggers of trainings write, which stays: `logs` beside it."""
        return self.root.parent / "logs"

    def training(self, key: str) -> Path:
        """Return the folder for the checkpoints of a training."""
        return self.partial(key) / TRAINING

    @contextmanager
    def _open(self, key: str) -> Iterator[OpenCell | None]:
        packed = self._cells / f"{key}{_PACKED}"
        try:
            file = packed.open("rb")
        except FileNotFoundError:
            folder = self._cells / key
            names = _names(folder)
            yield _Folder(folder, names) if names else None
            return
        with file:
            try:
                yield Packed(file)
            except DAMAGE as error:
                raise StoreError(f"{packed} is not what was written") from error

    def _verified(self, key: str) -> dict[str, Any] | None:
        return self._steadily(key, super()._verified, key)

    def _content(self, key: str, name: str) -> bytes:
        return self._steadily(key, super()._content, key, name)

    def _steadily(self, key: str, read: Callable[..., T], *what: str) -> T:
        try:
            return _steady(lambda: read(*what))
        except OSError as error:
            raise StoreError(f"{self.path(key)} cannot be read") from error

    def _checked(self, key: str, cell: OpenCell) -> dict[str, Any]:
        found = super()._checked(key, cell)
        if isinstance(cell, Packed):
            names = {*found["files"], MANIFEST, SEAL}
            if not cell.intact() or names != {*cell.names}:
                raise StoreError(f"{self.path(key)} is not what was written")
        return found

    def kind(self, key: str) -> str | None:
        """Return the kind of a stored cell, without checking it; None if it cannot be read."""
        try:
            kind = json.loads(self._content(key, MANIFEST))["kind"]
        except (StoreError, ValueError, TypeError, LookupError, RecursionError):
            return None
        return kind if isinstance(kind, str) and kind.isidentifier() else None

    def finished_keys(self) -> list[str]:
        """Return the keys of all stored cells, damaged ones included."""
        return list({path.name.removesuffix(_PACKED) for path in _children(self._cells)})

    def unfinished_keys(self) -> list[str]:
        """Return the keys of all cells with unfinished work."""
        return [path.name for path in _children(self.root / "partial")]

    def forget(self, key: str) -> None:
        """Drop what is cached about a cell, so that its files are checked again."""
        self._sound.pop(key, None)
        self._damaged.discard(key)

    def lock(self, key: str) -> Lock:
        """Return the lock of a cell, a context manager that waits while another run holds it."""

        def waiting() -> None:
            log.warning("waiting for another run that works on cell %s", key)

        return Lock(self.root / "held" / key, waiting=waiting)

    def remove(self, key: str) -> None:
        """Remove a finished cell and its unfinished work; the caller must hold its lock."""
        self.forget(key)
        self._set_aside(key)
        shutil.rmtree(self.partial(key), ignore_errors=True)

    def _set_aside(self, key: str) -> None:
        """Move a cell to unfinished work atomically, so that no reader sees half of it."""
        for path in self._places(key):
            if not os.path.lexists(path):
                continue
            aside = self.partial(key) / f"removed-{os.getpid()}-{time.monotonic_ns()}"
            aside.parent.mkdir(parents=True, exist_ok=True)
            with suppress(FileNotFoundError):
                path.rename(aside)
            _removed(aside)

    @contextmanager
    def write(self, cell: Cell, token: str = "new") -> Iterator[Path]:
        """Yield an empty folder for a cell's files, which become the finished cell on success.

        An existing finished cell with that key is kept if sound and replaced if damaged.

        Args:
            cell: The cell.
            token: Unique name of this writer; writers that share one may delete each other's files.

        Raises:
            StoreError: If a file that its kind requires is missing.
        """
        new = self.partial(cell.key) / token
        packed = new.with_name(f"{token}{_PACKED}")
        _removed(new)
        new.mkdir(parents=True)
        try:
            yield new
            manifest = self._seal(cell, new)
            pack(new, packed)
            _fsync(packed)
            self._settle(cell.key, packed, manifest)
        finally:
            shutil.rmtree(new, ignore_errors=True)
            _removed(packed)
        shutil.rmtree(self.training(cell.key), ignore_errors=True)
        with suppress(OSError):  # another writer may still have a folder there
            self.partial(cell.key).rmdir()

    def _seal(self, cell: Cell, new: Path) -> dict[str, Any]:
        """Write a cell's manifest and seal, and return the manifest."""
        files = sorted(path for path in new.iterdir() if path.is_file())
        lacking = cell.spec.files - {path.name for path in files}
        if lacking:
            raise StoreError(f"{cell.name}: its work left no {min(lacking)}")
        manifest = {
            "kind": cell.spec.family,
            "name": cell.name,
            "options": cell.spec.hashed,
            "inputs": cell.inputs,
            "files": {path.name: file_sha256(path) for path in files},
        }
        text = json.dumps(manifest, indent=1, sort_keys=True).encode()
        (new / MANIFEST).write_bytes(text)
        (new / SEAL).write_bytes(seal(text))
        return manifest

    def _settle(self, key: str, new: Path, manifest: dict[str, Any]) -> None:
        """Give a complete cell its place, unless another writer's is there already."""
        final, _ = self._places(key)
        final.parent.mkdir(exist_ok=True)  # the store exists, since it contains `new`
        self.forget(key)
        for _ in range(10):
            with suppress(StoreError):
                found = self._verified(key)
                if found is not None:
                    self._sound[key] = found
                    return
            self._set_aside(key)
            if _placed(new, final):
                _fsync(final.parent)
                self._sound[key] = manifest
                return
        raise StoreError(f"{final}: what stands there can neither be used nor replaced")

    def file(self, key: str, name: str) -> StoredFile:
        """Return one file of a finished cell, which is opened when needed.

        Raises:
            StoreError: If the cell is not finished, is damaged, or has no such file.
        """
        path = self.path(key)
        if name not in (MANIFEST, SEAL) and not self.keeps(key, name):
            raise StoreError(f"{path / name}: the cell has no such file")
        return StoredFile(path, name) if path.suffix == _PACKED else StoredFile(path / name)

    def refusal(self) -> str | None:
        """Return why no cell can be added, in the system's words; None if one can be."""
        for place in (self.root, *(self.root / name for name in ("cells", "partial", "held"))):
            try:
                with tempfile.TemporaryFile(dir=place):
                    pass
            except OSError as error:
                if error.errno in _REFUSED:
                    return os.strerror(error.errno)
        return None

    def clear(self) -> None:
        """Remove the remains of interrupted runs, except training checkpoints.

        Work in progress of a live process stays.
        """
        for path in _children(self.root / "held"):
            Lock(path).clear()
        for folder in _children(self.root / "partial"):
            key = folder.name
            lock = self.lock(key)
            try:
                if not lock.take():
                    continue
            except OSError as error:
                if error.errno not in _REFUSED:
                    raise
                return  # of a store that is read only, all that can be is read
            try:
                self.clear_partial(key)
            finally:
                lock.release()
        clear_unfinished(self.root / "held")
        clear_unfinished(self.root / "data")

    def clear_partial(self, key: str, *, training: bool = False) -> None:
        """Remove unfinished work on a cell; the caller must hold its lock.

        Args:
            key: The cell.
            training: Whether to remove the checkpoints of an unfinished training too.
        """
        folder = self.partial(key)
        if training or not folder.is_dir() or self.has(key):
            _removed(folder)
            return
        for path in _children(folder):
            if path.name == TRAINING and path.is_dir():
                clear_unfinished(path)
            else:
                _removed(path)
        with suppress(OSError):
            folder.rmdir()


class _Folder:
    """A cell as earlier versions stored it: a folder of files.

    Args:
        folder: The folder.
        names: The names of its files.
    """

    def __init__(self, folder: Path, names: Collection[str]) -> None:
        self._folder = folder
        self.names = names

    def content(self, name: str) -> bytes:
        """Return the content of a file."""
        return self._read(name, Path.read_bytes)

    def sha256(self, name: str) -> str:
        """Return the SHA-256 of the content of a file, in hexadecimal."""
        return self._read(name, file_sha256)

    def _read(self, name: str, read: Callable[[Path], T]) -> T:
        path = self._folder / name
        try:
            return _steady(lambda: read(path))
        except OSError as error:
            raise StoreError(f"{path} cannot be read") from error


def _names(folder: Path) -> Collection[str]:
    """Return the names of all files of a folder; none if there is no folder."""
    try:
        return _steady(lambda: os.listdir(folder))  # noqa: PTH208 - names alone, and fast
    except OSError:
        return ()


def _placed(new: Path, final: Path) -> bool:
    """Give a file its final name; return whether there was none of that name."""
    try:
        os.link(new, final)
    except FileExistsError:
        return False
    except OSError as error:
        if error.errno in (errno.EACCES, errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.EIO):
            raise
        new.rename(final)  # no hard links here
    return True


def _children(folder: Path) -> list[Path]:
    """Return the entries of a folder but hidden ones; none if there is no folder."""
    try:
        return [path for path in folder.iterdir() if not path.name.startswith(".")]
    except OSError:
        return []


def _removed(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
        return
    with suppress(OSError):
        path.unlink()


def _steady(read: Callable[[], T]) -> T:
    """Retry a read after NFS reports that the file was replaced meanwhile."""
    for pause in (0.01, 0.1, 1.0):
        try:
            return read()
        except OSError as error:
            if error.errno != errno.ESTALE:
                raise
        time.sleep(pause)
    return read()


def _fsync(path: Path) -> None:
    """Flush a file or folder to disk; some file systems do not support it for folders."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(handle)
