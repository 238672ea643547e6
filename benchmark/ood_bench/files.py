"""Atomic writing of files, and JSON with a checksum."""

import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from ood_bench.errors import StoreError, system_number
from ood_bench.hashing import digest
from ood_bench.owner import Owner

__all__ = [
    "UNFINISHED",
    "clear_unfinished",
    "grant",
    "read_sealed",
    "unfinished",
    "unfinished_folder",
    "write_sealed",
    "write_whole",
]

UNFINISHED = ".unfinished"
"""Suffix of files that are being written."""


def write_whole(path: Path, content: str | bytes) -> Path:
    """Write a file atomically, creating its folder if necessary.

    Args:
        path: The file.
        content: Bytes, or text to encode as UTF-8; non-Unicode parts, as in some file names, are
            escaped.

    Returns:
        The file.
    """
    with unfinished(path) as temporary:
        data = content.encode(errors="backslashreplace") if isinstance(content, str) else content
        temporary.write_bytes(data)
    return path


@contextmanager
def unfinished(path: Path) -> Iterator[Path]:
    """Yield a temporary file to write to, which replaces `path` on success.

    After an error it is removed. It is flushed to disk before it is renamed. System errors name
    `path`, also those that a library raises as its own.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = None
    try:
        handle, name = tempfile.mkstemp(UNFINISHED, _stem(path), path.parent)
        os.close(handle)
        temporary = Path(name)
        yield temporary
        grant(temporary)
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException as error:
        if temporary is not None:
            with suppress(OSError):
                temporary.unlink()
        if (named := _naming(path, error)) is not None:
            raise named from error
        raise


@contextmanager
def unfinished_folder(path: Path) -> Iterator[Path]:
    """Yield a temporary folder to fill, which replaces `path` on success.

    After an error it is removed, and `path` is unchanged. System errors name the file by its
    final path.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = None
    try:
        temporary = Path(tempfile.mkdtemp(UNFINISHED, _stem(path), path.parent))
        yield temporary
        temporary.chmod(0o777 & ~_umask())
        if path.exists():
            shutil.rmtree(path)
        temporary.rename(path)
    except BaseException as error:
        if temporary is not None:
            shutil.rmtree(temporary, ignore_errors=True)
        if isinstance(error, OSError) and (place := _within(path, temporary, error)) is not None:
            raise OSError(error.errno, error.strerror, str(place)) from error
        raise


def clear_unfinished(folder: Path) -> None:
    """Remove the remains of interrupted writers in a folder and its subfolders.

    Files of live processes on this machine are kept, and those of other machines for a day.
    """
    for path in list(folder.rglob(f".*{UNFINISHED}")):
        owner = Owner.read(path.name)
        gone = None if owner is None else owner.gone()
        with suppress(OSError):
            if gone or (gone is None and time.time() - path.stat().st_mtime > 86_400):
                if path.is_dir():
                    shutil.rmtree(path, ignore_errors=True)
                else:
                    path.unlink()


def write_sealed(path: Path, value: Any) -> Path:
    """Write a JSON value with its checksum atomically."""
    text = json.dumps({"digest": digest(value), "content": value}, indent=1, allow_nan=False)
    return write_whole(path, f"{text}\n")


def read_sealed(path: Path) -> Any:
    """Return the value that `write_sealed` wrote.

    Raises:
        FileNotFoundError: If there is no such file.
        OSError: If it cannot be read.
        StoreError: If its checksum does not match.
    """
    text = path.read_bytes()
    try:
        sealed = json.loads(text)
        if sealed["digest"] == digest(sealed["content"]):
            return sealed["content"]
    except (ValueError, TypeError, LookupError, RecursionError):
        pass
    raise StoreError(f"{path} is not what was written")


def _within(path: Path, temporary: Path | None, error: OSError) -> Path | None:
    """Return the final path of a file that an error names in a temporary folder."""
    if temporary is None:
        return path
    for about in (error.filename2, error.filename):
        if about is not None and (place := Path(os.fsdecode(about))).is_relative_to(temporary):
            return path / place.relative_to(temporary)
    return None


def _naming(path: Path, error: BaseException) -> OSError | None:
    """Return a system error with the file's name; None if the error names another file."""
    number = system_number(error)
    if number is None:
        return None
    about = getattr(error, "filename", None)
    if about is not None and not os.fsdecode(about).endswith(UNFINISHED):
        return None  # a file that was read, say
    return OSError(number, getattr(error, "strerror", None) or os.strerror(number), str(path))


def _stem(path: Path) -> str:
    """Return the prefix of temporary names, which contains the target and the writer."""
    return f".{path.name[:40]}.{Owner.here()}."


def grant(path: Path) -> None:
    """Set a file's permissions to those of a new file, whatever a library set."""
    path.chmod(0o666 & ~_umask())


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
