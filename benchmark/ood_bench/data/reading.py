"""The edge between a file and its decoder: what a damaged file sets off becomes one line."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image

from ood_bench.errors import DataError, OodBenchError

LONGEST = 300
"""Characters of a decoder's own words that a message repeats."""


@contextmanager
def reading(path: Path, finding: str) -> Iterator[None]:
    """Turn whatever a decoder raises on a file into a DataError that names the file.

    A decoder of damaged bytes may raise almost anything, a library's own errors included, and
    warn about what it guesses. Nothing but decoding belongs in here: a mistake of ours would be
    taken for damage.

    Args:
        path: The file.
        finding: What is then true of it, as in "not a readable IDX file".

    Raises:
        DataError: In place of any other exception.
    """
    try:
        with quiet_decoders():
            yield
    except OodBenchError:
        raise
    except Exception as error:
        if isinstance(error, OSError) and error.strerror:
            raise DataError(f"{path}: cannot be read: {error.strerror}") from error
        raise DataError(f"{path}: {finding}: {error_in_words(error)}") from error


@contextmanager
def quiet_decoders() -> Iterator[None]:
    """Keep decoders' warnings off the terminal; Pillow's about too many pixels is an error.

    Filters of warnings belong to the whole process: enter this around a pass over images, not
    in the threads that decode them.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        yield


def error_in_words(error: Exception) -> str:
    """Return what a decoder says on one line, with the kind of error where it says too little.

    Example:
        >>> error_in_words(EOFError("Ran out of input")), error_in_words(KeyError("data"))
        ('Ran out of input', "KeyError: 'data'")
    """
    text = " ".join(str(error).split())
    if not text or isinstance(error, (LookupError, AttributeError, TypeError)):
        text = f"{type(error).__name__}: {text}".removesuffix(": ")
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."
