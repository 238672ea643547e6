"""Files written whole or not at all, and JSON that carries its own checksum."""

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
"""How the name of a file ends that is still being written."""


def write_whole(path: Path, content: str | bytes) -> Path:
    """Write a file, its folder too, so that at any moment it has the old content or the new.

    Args:
        path: The file.
        content: Bytes, or text for UTF-8; what is not Unicode in it, as in some file names, is
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
    """Give a file of another name to write to; on a clean exit it replaces `path`.

    After an error nothing is left of it. It reaches the disk before it takes the name. An error
    of the system's names `path`, also one that a library raises in its own way.
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
    """Give a folder of another name to fill; on a clean exit it replaces `path`.

    After an error nothing is left of it, and what was there stays. An error of the system's
    names the file as it would lie in `path`.
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
    """Remove what broken-off writers left in a folder and below it.

    Files of a living process of this machine stay, and those of another machine for a day.
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
    """Write a JSON value with its checksum, whole or not at all."""
    text = json.dumps({"digest": digest(value), "content": value}, indent=1, allow_nan=False)
    return write_whole(path, f"{text}\n")


def read_sealed(path: Path) -> Any:
    """Return the value that `write_sealed` wrote.

    Raises:
        FileNotFoundError: If there is no such file.
        OSError: If it cannot be read.
        StoreError: If it is not what was written.
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
    """Return the place in a folder that an error names by the folder's temporary name."""
    if temporary is None:
        return path
    for about in (error.filename2, error.filename):
        if about is not None and (place := Path(os.fsdecode(about))).is_relative_to(temporary):
            return path / place.relative_to(temporary)
    return None


def _naming(path: Path, error: BaseException) -> OSError | None:
    """Return an error of the system's that names the file; None for one that names another."""
    number = system_number(error)
    if number is None:
        return None
    about = getattr(error, "filename", None)
    if about is not None and not os.fsdecode(about).endswith(UNFINISHED):
        return None  # a file that was read, say
    return OSError(number, getattr(error, "strerror", None) or os.strerror(number), str(path))


def _stem(path: Path) -> str:
    """Return how a name begins that tells what is being written and by whom."""
    return f".{path.name[:40]}.{Owner.here()}."


def grant(path: Path) -> None:
    """Give a file the rights of a new one, whatever a library has taken from it."""
    path.chmod(0o666 & ~_umask())


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
