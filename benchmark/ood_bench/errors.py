"""Errors that a user can fix; the command line prints each in one line."""

import errno
import os
import re
import traceback
from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path

__all__ = [
    "CellError",
    "DataError",
    "OodBenchError",
    "PluginError",
    "StoreError",
    "SuiteError",
    "TooLargeError",
    "did_you_mean",
    "machine_refusal",
    "raised",
    "system_number",
]


class OodBenchError(Exception):
    """Base of our errors, whose messages say what was given, what is expected and what to do."""


class SuiteError(OodBenchError):
    """A mistake in a suite or on the command line."""


class PluginError(OodBenchError):
    """A plugin that is unknown, does not import, or breaks its contract."""


class TooLargeError(PluginError):
    """A model that needs more memory than the machine has."""


class DataError(OodBenchError):
    """A data set that is missing, damaged, empty or of the wrong shape."""


class CellError(OodBenchError):
    """A unit of work that failed although its request was valid."""


class StoreError(OodBenchError):
    """A damaged file in the store."""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return the end of a message about an unknown name: a near match, or all known names.

    Example:
        >>> did_you_mean("widht", ["width", "levels"])
        "; did you mean 'width'?"
        >>> did_you_mean("zzz", ["width", "levels"])
        '; known: levels, width'
    """
    known = sorted(known)
    near = get_close_matches(name, known, n=1)
    if near:
        return f"; did you mean '{near[0]}'?"
    return f"; known: {', '.join(known)}" if known else ""


_SPACE = "make space there, then give the same command again"
_PLACE = "a file stands where a folder is needed; move it away or name another folder"
_RIGHTS = "take a folder that you may read and write, or ask its owner for the rights"
_FAULT = "the disk or the network fails; see to it, then give the same command again"
_FILES = "raise the limit on open files (ulimit -n), or take fewer --jobs"
_ADVICE = {
    errno.ENOSPC: _SPACE,
    errno.EDQUOT: _SPACE,
    errno.EFBIG: "raise the limit on the size of a file (ulimit -f), or take another file system",
    errno.EROFS: "take a folder that can be written to, or mount this one for writing",
    errno.EACCES: _RIGHTS,
    errno.EPERM: _RIGHTS,
    errno.ENOTDIR: _PLACE,
    errno.EEXIST: _PLACE,
    errno.EISDIR: "a folder stands in the file's place; move it away or name another file",
    errno.ENOTEMPTY: "a folder stands in the file's place; move it away or name another file",
    errno.ENAMETOOLONG: "take a shorter name",
    errno.ELOOP: "its links lead in a circle; mend them",
    errno.EBUSY: "another program holds it; end that, then give the same command again",
    errno.EIO: _FAULT,
    errno.ESTALE: _FAULT,
    errno.ENODEV: _FAULT,
    errno.ENXIO: _FAULT,
    errno.EMFILE: _FILES,
    errno.ENFILE: _FILES,
}
_NUMBER = re.compile(r"\(os error (\d+)\)|\[errno (\d+)\]", re.IGNORECASE)


def machine_refusal(error: BaseException, place: "Path | str | None" = None) -> str | None:
    """Return one line about an error that the system caused, not the command.

    Examples are a full disk, a folder without write permission, a folder where a file should be.
    Errors of libraries count if their text contains the system's error number.

    Args:
        error: The error.
        place: The path being written, for an error that names none.

    Returns:
        The path, the system's message and what to do; None for other errors. A missing file is
        among the others, since its name may be a mistake of the user.

    Example:
        >>> machine_refusal(OSError(errno.EFBIG, "File too large", "a.txt")).partition(";")[0]
        'a.txt: File too large'
        >>> machine_refusal(ValueError("File too large"))
    """
    number = system_number(error)
    if number not in _ADVICE:
        return None
    named = [
        os.fsdecode(name)
        for name in (getattr(error, "filename2", None), getattr(error, "filename", None), place)
        if isinstance(name, str | bytes | os.PathLike)
    ]
    advice = _ADVICE[number]
    if named and number in (errno.ENOTDIR, errno.EEXIST):
        path = Path(named[0])
        files = (part for part in (path, *path.parents) if part.exists() and not part.is_dir())
        named = [str(next(files, path))]
    said = os.strerror(number)
    return f"{named[0]}: {said}; {advice}" if named else f"{said}; {advice}"


def system_number(error: BaseException) -> int | None:
    """Return the errno of an error, also if a library gives it as text.

    Example:
        >>> system_number(RuntimeError("I/O error: No space left on device (os error 28)"))
        28
    """
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno
    found = _NUMBER.search(str(error))
    return int(found[1] or found[2]) if found else None


def raised(error: BaseException) -> str:
    """Return an error in one line, with the file and line that raised it.

    Example:
        >>> try:
        ...     [][1]
        ... except IndexError as error:
        ...     print(raised(error).partition(" (")[0])
        IndexError: list index out of range
    """
    frames = [
        (Path(frame.filename), frame.lineno)
        for frame in traceback.extract_tb(error.__traceback__)
        if "importlib" not in frame.filename
        and not frame.filename.endswith(("registry.py", "source_files.py"))
    ]
    where = ""
    if frames and not isinstance(error, SyntaxError):  # which says so itself
        path, line = frames[-1]
        where = f" ({path.name}, line {line})"
    return f"{type(error).__name__}: {' '.join(str(error).split())}{where}"
