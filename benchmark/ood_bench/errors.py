"""The errors that a user can mend; the command line prints each as one line."""

import traceback
from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path


class OodBenchError(Exception):
    """Root of the errors that say what was got, what was wanted and what to do."""


class SuiteError(OodBenchError):
    """A mistake in a suite or on the command line."""


class PluginError(OodBenchError):
    """A plugin that is unknown, does not import, or breaks its contract."""


class TooLargeError(PluginError):
    """A model that asks for more memory than the machine has."""


class DataError(OodBenchError):
    """A data set that is missing, damaged, empty or of the wrong shape."""


class CellError(OodBenchError):
    """A unit of work that failed though nothing in its request was wrong."""


class StoreError(OodBenchError):
    """A stored file that is not what was written."""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return the end of a message about an unknown name: a near match, or all that is known.

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


def raised(error: BaseException) -> str:
    """Return an error on one line, with the file and line that it came from.

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
        if "importlib" not in frame.filename and not frame.filename.endswith("registry.py")
    ]
    where = ""
    if frames and not isinstance(error, SyntaxError):  # which says so itself
        path, line = frames[-1]
        where = f" ({path.name}, line {line})"
    return f"{type(error).__name__}: {' '.join(str(error).split())}{where}"
